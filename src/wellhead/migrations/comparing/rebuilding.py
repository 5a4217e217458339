"""Rebuild an enum type with other values, since PostgreSQL cannot remove or reorder them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Connection, bindparam, text

from wellhead.migrations.comparing.operations import literal, quoted

_TYPE: Final = bindparam("type", type_=BigInteger())
_USES: Final = text(
    """
    SELECT n.nspname::text AS schema, c.relname::text AS table, a.attname::text AS column,
           c.oid::regclass::text AS shown, a.atttypid <> t.oid AS is_array,
           c.relkind IN ('r', 'p') AS is_table, a.attinhcount > 0 AS is_inherited,
           CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END AS default
    FROM pg_catalog.pg_type t
    JOIN pg_catalog.pg_attribute a ON a.atttypid IN (t.oid, t.typarray) AND NOT a.attisdropped
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE t.oid = CAST(:type AS oid) AND n.nspname NOT LIKE 'pg\\_temp\\_%'
    ORDER BY 1, 2, a.attnum
    """
).bindparams(_TYPE)

# An expression that names the type refers to the old one, and the two sides of a foreign key change
# their type one after the other.
_DEPENDENTS: Final = text(
    """
    SELECT conname::text AS name,
           format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
           format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
                  pg_get_constraintdef(oid)) AS make
    FROM pg_catalog.pg_constraint k
    WHERE contype IN ('c', 'x') AND conrelid <> 0 AND coninhcount = 0 AND EXISTS (
      SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_type t
        ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
      WHERE t.oid = CAST(:type AS oid)
        AND (d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
             OR d.classid = 'pg_class'::regclass AND d.objid = k.conindid AND contype = 'x'))
    OR contype = 'f' AND coninhcount = 0 AND EXISTS (
      SELECT FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = conrelid AND a.attnum = ANY (conkey)
        AND a.atttypid = CAST(:type AS oid))
    UNION ALL
    SELECT c.relname::text, format('DROP INDEX %s', indexrelid::regclass),
           pg_get_indexdef(indexrelid)
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE EXISTS (
      SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_type t
        ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
      WHERE t.oid = CAST(:type AS oid) AND d.classid = 'pg_class'::regclass
        AND d.objid = i.indexrelid)
      AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint k
        WHERE k.conindid = i.indexrelid AND k.contype = 'x')
    ORDER BY 1
    """
).bindparams(_TYPE)


@dataclass(frozen=True, slots=True)
class Use:
    """A column that has an enum type, or an array of it.

    Attributes:
        schema: Of its table.
        table: Its table's name.
        column: Its name.
        shown: Its table, as SQL.
        is_array: Whether it has an array of the type.
        is_table: Whether it can be given another type: those of a view cannot.
        is_inherited: Whether it is changed along with another table's.
        default: Its default, as SQL.
    """

    schema: str
    table: str
    column: str
    shown: str
    is_array: bool
    is_table: bool
    is_inherited: bool
    default: str | None


def uses_of(connection: Connection, oid: int) -> tuple[Use, ...]:
    """The columns that have an enum type."""
    rows = connection.execute(_USES, {"type": oid})
    return tuple(Use(**row._mapping) for row in rows)  # noqa: SLF001 - a public name of SQLAlchemy's


def rebuilt(
    connection: Connection,
    oid: int,
    name: str,
    values: tuple[str, ...],
    uses: Iterable[Use],
    gone: frozenset[str],
) -> tuple[str, ...]:
    """Statements that rebuild a type, and convert the columns that have it.

    Args:
        connection: To look for what is worded for the type.
        oid: The type's.
        name: The type's, as SQL.
        values: Those that it gets.
        uses: The columns that have it.
        gone: Names of constraints and indexes that are dropped before.
    """
    schema, dot, plain = name.rpartition(".")
    old = f'{plain[:-1]}_old"' if plain.endswith('"') else f"{plain}_old"
    dependents = [
        row for row in connection.execute(_DEPENDENTS, {"type": oid}) if row.name not in gone
    ]
    tables: dict[str, list[str]] = defaultdict(list)
    for use in uses:
        if use.is_table and not use.is_inherited:
            kind = f"{name}[]" if use.is_array else name
            tables[use.shown].append(retyped(use.column, kind, use.default, use.default))
    return (
        *(row.drop for row in dependents),
        f"ALTER TYPE {name} RENAME TO {old}",
        f"CREATE TYPE {name} AS ENUM ({', '.join(map(literal, values))})",
        *(f"ALTER TABLE {table} {', '.join(changes)}" for table, changes in tables.items()),
        f"DROP TYPE {schema}{dot}{old}",
        *(row.make for row in dependents),
    )


def retyped(column: str, kind: str, old_default: str | None, new_default: str | None) -> str:
    """The parts of ``ALTER TABLE`` that give a column another type, by way of its text."""
    name = quoted(column)
    changes = [f"ALTER COLUMN {name} TYPE {kind} USING {name}::text::{kind}"]
    if old_default is not None:
        # It is of the old type, and is not converted.
        changes.insert(0, f"ALTER COLUMN {name} DROP DEFAULT")
    if new_default is not None:
        changes.append(f"ALTER COLUMN {name} SET DEFAULT {new_default}")
    return ", ".join(changes)
