"""PostgreSQL's enum types: those of the models, those of the schema, and what makes them equal.

SQLAlchemy makes a type along with a table, never with a column that is added, never drops it, and
does not compare its values. So a new migration does all of that in statements of its own, and what
Alembic writes of columns leaves it out (``create_type=False``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy import ARRAY, Column, TypeDecorator, bindparam, text
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.types import TypeEngine

from wellhead.errors import MigrationError
from wellhead.migrations.comparing.operations import DIALECT, StatementsOp, literal, quoted
from wellhead.migrations.comparing.rebuilding import Use, rebuilt, uses_of

Key = tuple[str, str]
"""The schema and the name of a type."""

_STORED: Final = text(
    """
    SELECT t.oid::bigint AS oid, n.nspname::text AS schema, t.typname::text AS name,
           ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid
                 ORDER BY e.enumsortorder) AS values,
           EXISTS (
             SELECT FROM pg_catalog.pg_depend d
             WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
               AND (d.classid IN
                      ('pg_proc'::regclass, 'pg_rewrite'::regclass, 'pg_policy'::regclass)
                    OR d.classid = 'pg_type'::regclass AND d.objid <> t.typarray)
           ) AS is_used_by_others
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typtype = 'e' AND n.nspname IN :schemas
      AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
    ORDER BY 2, 3
    """
).bindparams(bindparam("schemas", expanding=True))


@dataclass(frozen=True, slots=True)
class _Stored:
    """A type of the schema; ``is_used_by_others`` than columns, such as functions and views."""

    oid: int
    values: tuple[str, ...]
    uses: tuple[Use, ...]
    is_used_by_others: bool


def declared_by(column: "Column[Any]") -> Iterator[ENUM]:
    """The enum types that a column of a model needs, also those inside of an array."""
    yield from _inside(column.type)


def _inside(kind: "TypeEngine[Any]") -> Iterator[ENUM]:
    found = kind.dialect_impl(DIALECT)
    if isinstance(found, ENUM):
        yield found
    elif isinstance(found, TypeDecorator):
        yield from _inside(found.impl_instance)
    elif isinstance(found, ARRAY):
        yield from _inside(found.item_type)


def has_enum(kind: "TypeEngine[Any] | None") -> bool:
    """Whether a type is an enum type, or made of one."""
    return kind is not None and any(_inside(kind))


def name_of(enum: ENUM) -> str:
    """The name of an enum type, as SQL."""
    name: str = DIALECT.identifier_preparer.format_type(enum)
    return name


def render_enum(kind: str, item: Any, context: AutogenContext) -> "str | bool":
    """Write an enum type into a new migration as one that exists already."""
    if kind != "type" or not isinstance(item, TypeEngine):
        return False
    found = item.dialect_impl(DIALECT)
    while isinstance(found, TypeDecorator):
        found = found.impl_instance
    if not isinstance(found, ENUM):
        return False
    context.imports.add("from sqlalchemy.dialects import postgresql")
    values = "".join(f"{value!r}, " for value in found.enums)
    schema = f"schema={found.schema!r}, " if found.schema else ""
    return f"postgresql.ENUM({values}name={str(found.name)!r}, {schema}create_type=False)"


class EnumTypes:
    """The enum types of the models and of the schema, where both are compared.

    Args:
        context: Alembic's comparison.
        operations: What Alembic has found already.
    """

    def __init__(self, context: AutogenContext, operations: ops.UpgradeOps) -> None:
        assert context.connection is not None  # noqa: S101 - autogenerate has one
        self._connection = context.connection
        self._default: str = context.connection.dialect.default_schema_name or "public"
        self._declared = self._find_declared(context)
        # Only where it works does Alembic compare, too.
        schemas = {self._default, *(schema for schema, _ in self._declared)}
        self._stored = self._find_stored(context, schemas)
        self._leaving = Leaving(operations)

    def created(self) -> Iterator[StatementsOp]:
        """What makes the types that are missing."""
        for key, enum in self._declared.items():
            make = f"CREATE TYPE {name_of(enum)} AS ENUM ({_written(enum.enums)})"
            drop = f"DROP TYPE {name_of(enum)}"
            if key not in self._stored:
                yield StatementsOp((make,), (drop,))
            elif not (self._stored[key].uses or self._stored[key].is_used_by_others):
                # Left behind by an older migration that was taken back.
                yield StatementsOp((f"DROP TYPE IF EXISTS {name_of(enum)}", make), (drop,))

    def changed(self, *, is_alone: bool, dropped: Iterable[str]) -> Iterator[StatementsOp]:
        """What gives the types their new values.

        Args:
            is_alone: Whether the migration does nothing else. If it does, that may use a new value,
                which PostgreSQL allows only once the value is committed.
            dropped: Names of constraints and indexes that are gone already.
        """
        gone = frozenset(dropped)
        for key, enum in self._declared.items():
            stored = self._stored.get(key)
            if stored is None or stored.values == tuple(enum.enums):
                continue
            if not (stored.uses or stored.is_used_by_others):
                continue
            name, values = name_of(enum), tuple(enum.enums)
            back = rebuilt(self._connection, stored.oid, name, stored.values, stored.uses, gone)
            if _is_within(stored.values, values):
                unless = "" if is_alone else "IF NOT EXISTS "
                add = tuple(_added(name, stored.values, values, unless))
                yield StatementsOp(add, back, is_outside=not is_alone)
                continue
            lost = ", ".join(sorted(set(stored.values) - set(values)))
            yield StatementsOp(
                rebuilt(self._connection, stored.oid, name, values, stored.uses, gone),
                back,
                warning=f"Fails while a row holds {lost}; ALTER TYPE ... RENAME VALUE keeps rows."
                if lost
                else "",
            )

    @property
    def has_more_than_additions(self) -> bool:
        """Whether a type is missing, or cannot be changed by adding values."""
        return any(True for _ in self.created()) or any(
            key in self._stored and not _is_within(self._stored[key].values, tuple(enum.enums))
            for key, enum in self._declared.items()
        )

    def dropped(self) -> Iterator[StatementsOp]:
        """What drops the types that no column needs any more."""
        for (schema, name), stored in self._stored.items():
            if (schema, name) in self._declared or stored.is_used_by_others:
                continue
            if not all(self._leaving.takes(use, self._default) for use in stored.uses):
                continue
            shown = quoted(name) if schema == self._default else f"{quoted(schema)}.{quoted(name)}"
            make = f"CREATE TYPE {shown} AS ENUM ({_written(stored.values)})"
            yield StatementsOp((f"DROP TYPE {shown}",), (make,))

    def _find_declared(self, context: AutogenContext) -> dict[Key, ENUM]:
        found: dict[Key, ENUM] = {}
        for table in context.sorted_tables:
            if not context.run_object_filters(table, table.name, "table", False, None):
                continue
            for column in table.columns:
                for enum in declared_by(column):
                    first = found.setdefault((enum.schema or self._default, str(enum.name)), enum)
                    if first.enums != enum.enums:
                        raise _two_of_one_name(enum, f"{table.fullname}.{column.name}")
        return found

    def _find_stored(self, context: AutogenContext, schemas: set[str]) -> dict[Key, _Stored]:
        filter_names: Any = context.run_name_filters
        found = {}
        for row in self._connection.execute(_STORED, {"schemas": sorted(schemas)}):
            schema = None if row.schema == self._default else row.schema
            if filter_names(row.name, "enum", {"schema_name": schema}):
                uses = uses_of(self._connection, row.oid)
                stored = _Stored(row.oid, tuple(row.values), uses, row.is_used_by_others)
                found[row.schema, row.name] = stored
        return found


class Leaving:
    """Which columns a migration takes away, or gives another type.

    Args:
        operations: What Alembic has found.
    """

    def __init__(self, operations: ops.UpgradeOps) -> None:
        self._tables: set[tuple[str | None, str]] = set()
        self._columns: set[tuple[str | None, str, str]] = set()
        for each in leaves(operations):
            if isinstance(each, ops.DropTableOp):
                self._tables.add((each.schema, each.table_name))
            elif isinstance(each, ops.DropColumnOp) or (
                isinstance(each, ops.AlterColumnOp) and each.modify_type is not None
            ):
                self._columns.add((each.schema, each.table_name, each.column_name))

    def takes(self, use: Use, default_schema: str) -> bool:
        """Whether it takes away a use of a type."""
        schema = None if use.schema == default_schema else use.schema
        return use.is_table and (
            (schema, use.table) in self._tables or (schema, use.table, use.column) in self._columns
        )


def leaves(operations: ops.OpContainer) -> Iterator[ops.MigrateOperation]:
    """The operations, without the groups that they are in."""
    for each in operations.ops:
        if isinstance(each, ops.OpContainer):
            yield from leaves(each)
        else:
            yield each


def _two_of_one_name(enum: ENUM, column: str) -> MigrationError:
    return MigrationError(
        f"The models have two enums of the name {enum.name} with different values, the second at "
        f"{column}; PostgreSQL has one type of a name in a schema.",
        hint="Give one of them another name: sa_type=Enum(State, name=...).",
    )


def _written(values: Iterable[str]) -> str:
    return ", ".join(map(literal, values))


def _is_within(some: tuple[str, ...], all_: tuple[str, ...]) -> bool:
    """Whether values are there in this order, with others between them or without."""
    rest = iter(all_)
    return all(value in rest for value in some)


def _added(name: str, old: tuple[str, ...], new: tuple[str, ...], unless: str) -> Iterator[str]:
    last = old[-1] if old else None
    for before, value in zip((None, *new), new, strict=False):
        if value in old:
            continue
        where = f" AFTER {literal(before)}" if before is not None else ""
        if before is None and old:
            where = f" BEFORE {literal(old[0])}"
        if before == last:
            where, last = "", value
        yield f"ALTER TYPE {name} ADD VALUE {unless}{literal(value)}{where}"
