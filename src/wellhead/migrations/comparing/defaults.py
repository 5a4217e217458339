"""Defaults of columns, compared in the server's own words.

Alembic asks whether the two defaults are equal as values, which fails for a type without equality
such as json, and for an enum value that is new.
"""

from typing import Any, Final

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AlterColumnOp
from alembic.util import PriorityDispatchResult
from sqlalchemy import Column, Connection, DefaultClause, text

from wellhead.migrations.comparing.copies import accepts, copy_of
from wellhead.migrations.comparing.operations import DIALECT, quoted

_DEFAULT: Final = text(
    """
    SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE d.adrelid = to_regclass(:table) AND a.attname = :column
    """
)


def compare_default(
    context: AutogenContext,
    operation: AlterColumnOp,
    schema: str | None,
    table_name: str,
    column_name: str,
    stored: "Column[Any]",
    declared: "Column[Any]",
) -> PriorityDispatchResult:
    """Note on the operation that the default changes, where both sides have one."""
    del schema, table_name, column_name
    ours, theirs = declared.server_default, stored.server_default
    if not (isinstance(ours, DefaultClause) and isinstance(theirs, DefaultClause)):
        return PriorityDispatchResult.CONTINUE
    assert context.connection is not None  # noqa: S101 - autogenerate has one
    if not _is_stored(context.connection, declared):
        operation.modify_server_default = ours
    return PriorityDispatchResult.STOP


def leave_generated(
    context: AutogenContext,
    operation: AlterColumnOp,
    schema: str | None,
    table_name: str,
    column_name: str,
    stored: "Column[Any]",
    declared: "Column[Any]",
) -> PriorityDispatchResult:
    """Leave generated columns to ``definitions``; Alembic only warns of them."""
    del context, operation, schema, table_name, column_name
    is_generated = stored.computed is not None or declared.computed is not None
    return PriorityDispatchResult.STOP if is_generated else PriorityDispatchResult.CONTINUE


def default_of(clause: Any) -> str | None:
    """A default as SQL; None where there is none."""
    if not isinstance(clause, DefaultClause):
        return None
    made: str = DIALECT.ddl_compiler(DIALECT, None).get_column_default_string(
        Column("", server_default=clause)
    )
    return made


def _is_stored(connection: Connection, column: "Column[Any]") -> bool:
    table = DIALECT.identifier_preparer.format_table(column.table)
    said = connection.scalar(_DEFAULT, {"table": table, "column": column.name})
    with copy_of(connection, column.table, only=column) as copy:
        change = f"ALTER COLUMN {quoted(column.name)} SET DEFAULT "
        if not accepts(
            connection, f"ALTER TABLE {copy} {change}{default_of(column.server_default)}"
        ):
            return False
        new = connection.scalar(_DEFAULT, {"table": copy, "column": column.name})
    return bool(said == new)
