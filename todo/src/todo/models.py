"""What all tables share: constraint names, keys and times.

Import this before the first table is defined, as every `models` module does: the naming
convention only reaches tables that are made after it. Alembic needs the names to be the same on
every machine, and error handling tells constraints apart by them.
"""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import DateTime, MetaData
from sqlmodel import SQLModel
from uuid_utils.compat import uuid7

NAMING_CONVENTION = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

metadata: MetaData = SQLModel.metadata
"""The tables of the whole application; Alembic compares the database with it."""

metadata.naming_convention = NAMING_CONVENTION

TIMESTAMP = DateTime(timezone=True)
"""The type of every time column: `timestamptz`."""


def new_id() -> UUID:
    """A UUIDv7: unique without asking the database, and in the order of creation."""
    return uuid7()


def utc_now() -> datetime:
    """The present moment, with its time zone."""
    return datetime.now(UTC)
