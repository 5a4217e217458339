"""What Alembic runs for every command; implemented by Wellhead."""

from todo.tables import metadata
from wellhead.migrations import run_env

run_env(metadata)
