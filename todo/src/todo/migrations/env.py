"""What Alembic runs for every command; all of it is Wellhead's."""

from todo.tables import metadata
from wellhead.migrations import run_env

run_env(metadata)
