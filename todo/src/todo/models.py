"""What all tables share: constraint names, keys and times.

Import this before the first table is defined, as every `models` module does: the naming convention
only applies to tables that are created after it. Alembic needs the same names on every machine, and
error handling identifies constraints by them.
"""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, MetaData
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


def changed_xid() -> "Column[int]":
    """A new column for the transaction that wrote a row last: its id, from `pg_current_xact_id()`.

    A trigger sets it, whichever statement writes the row. It is the table's, not the class's.
    """
    return Column("changed_xid", BigInteger, server_default="0", nullable=False)


def new_id() -> UUID:
    """A UUIDv7: unique without a query, and ordered by creation."""
    return uuid7()


def utc_now() -> datetime:
    """The current time, with a time zone."""
    return datetime.now(UTC)
