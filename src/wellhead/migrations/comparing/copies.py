"""An empty copy of a model's table, on which the server words what the model says.

PostgreSQL does not keep a CHECK, a default or an index as it was written, and only PostgreSQL knows
how it prints them. So they are created once more, on a temporary table that is rolled back.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, text
from sqlalchemy.exc import DBAPIError

from wellhead.errors import MigrationError
from wellhead.errors.discretion import sentence_of
from wellhead.migrations.comparing.enum_types import declared_by, name_of
from wellhead.migrations.comparing.operations import (
    DIALECT,
    as_text,
    generation_of,
    literal,
    quoted,
)

_VALUES: Final = text(
    "SELECT enumlabel FROM pg_catalog.pg_enum WHERE enumtypid = to_regtype(:name) "
    "ORDER BY enumsortorder"
)


@contextmanager
def copy_of(
    connection: Connection, table: Table, *, only: "Column[Any] | None" = None
) -> Iterator[str]:
    """Make the table with its columns and nothing else, for as long as the block takes.

    A column that the server refuses is left out: it cannot be in the schema either.

    Args:
        connection: In whose transaction it is made.
        table: The model's.
        only: The only column that is needed, or None for all of them.

    Yields:
        Its name, as SQL.

    Raises:
        MigrationError: The role may not make temporary tables.
    """
    name = f"pg_temp.{quoted(table.name)}"
    savepoint = connection.begin_nested()
    try:
        try:
            connection.execute(text(f"CREATE TEMPORARY TABLE {name} ()"))
        except DBAPIError as error:
            raise MigrationError(
                f"The models cannot be compared with the schema: {sentence_of(error)}.",
                hint="The role of the direct URL needs the privilege TEMPORARY on the database, "
                "and the server must not be a standby.",
            ) from error
        needed = list(table.columns) if only is None else [only]
        _add_changed_enums(connection, needed)
        columns = [_column(column, connection) for column in needed]
        if not accepts(connection, f"ALTER TABLE {name} {', '.join(columns)}"):
            for column in columns:
                accepts(connection, f"ALTER TABLE {name} {column}")
        yield name
    finally:
        savepoint.rollback()


def accepts(connection: Connection, statement: str) -> bool:
    """Whether the server accepts a statement; if not, nothing of it is left."""
    try:
        with connection.begin_nested():
            connection.execute(text(as_text(statement)))
    except DBAPIError:
        return False
    return True


def _column(column: "Column[Any]", connection: Connection) -> str:
    kind = DIALECT.type_compiler_instance.process(column.type, type_expression=column)
    how = "" if column.computed is None else f" {generation_of(column.computed, connection)}"
    return f"ADD COLUMN {quoted(column.name)} {kind}{how}"


def _add_changed_enums(connection: Connection, columns: Iterable["Column[Any]"]) -> None:
    # A type of this name in pg_temp is found first.
    for enum in {enum.name: enum for column in columns for enum in declared_by(column)}.values():
        stored = tuple(connection.scalars(_VALUES, {"name": name_of(enum)}))
        if stored != tuple(enum.enums):
            values = ", ".join(map(literal, enum.enums))
            connection.execute(
                text(as_text(f"CREATE TYPE pg_temp.{quoted(enum.name)} AS ENUM ({values})"))
            )
