"""What Alembic runs for every command; the Todo API has its own version table."""

from sqlalchemy import MetaData

from wellhead.migrations import run_env

run_env(MetaData(), version_table="released_version")
