"""What a table has of constraints, indexes and generated columns, in the server's own words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.schema import CreateIndex

from wellhead.migrations.comparing.copies import accepts
from wellhead.migrations.comparing.operations import DIALECT, generation_of, quoted

# That rows were not looked at yet is no part of what a constraint says.
_CONSTRAINTS: Final = text(
    """
    SELECT oid::bigint AS oid, conname::text AS name, contype::text AS kind,
           regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '') AS says
    FROM pg_catalog.pg_constraint
    WHERE conrelid = to_regclass(:table) AND contype IN ('c', 'x', 'p', 'u') ORDER BY oid
    """
)
_INDEXES: Final = text(
    """
    SELECT c.relname::text AS name, i.indisunique AS is_unique,
           substring(pg_get_indexdef(i.indexrelid) FROM ' USING .*') AS says
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = to_regclass(:table) ORDER BY i.indexrelid
    """
)
_GENERATED: Final = text(
    """
    SELECT a.attname::text AS name, a.attgenerated::text AS kind,
           pg_get_expr(d.adbin, d.adrelid) AS says
    FROM pg_catalog.pg_attribute a
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = to_regclass(:table) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
    """
)
_KINDS: Final = {
    CheckConstraint: "c",
    ExcludeConstraint: "x",
    PrimaryKeyConstraint: "p",
    UniqueConstraint: "u",
}
CHECK, EXCLUDE, PRIMARY, UNIQUE = _KINDS.values()
STORAGE: Final = {"s": " STORED", "v": " VIRTUAL"}
_TRIAL: Final = "wellhead_trial"


@dataclass(frozen=True, slots=True)
class Said:
    """A constraint, an index or a generated column in the server's words.

    Attributes:
        name: Its name; empty where the model gives none and the server refused it.
        kind: Which of them it is.
        says: How the server words it; None where it refused it.
        make: What makes it, as SQL; empty in the schema.
        is_named: Whether the model gives its name.
    """

    name: str
    kind: str
    says: str | None
    make: str = ""
    is_named: bool = True


def constraints_of(connection: Connection, table: str) -> list[Said]:
    """The constraints of a table, but for foreign keys, the newest last."""
    rows = connection.execute(_CONSTRAINTS, {"table": table})
    return [Said(row.name, row.kind, row.says) for row in rows]


def indexes_of(connection: Connection, table: str) -> list[Said]:
    """The indexes of a table, the newest last; the kind is ``UNIQUE``, or empty."""
    rows = connection.execute(_INDEXES, {"table": table})
    return [Said(row.name, "UNIQUE" if row.is_unique else "", row.says) for row in rows]


def generated_of(connection: Connection, table: str) -> list[Said]:
    """The generated columns of a table, the newest last; the kind is ``attgenerated``."""
    rows = connection.execute(_GENERATED, {"table": table})
    return [Said(row.name, row.kind, row.says) for row in rows if row.kind]


class Wording:
    """How the server words what a model says of its table.

    Args:
        connection: To ask the server.
        table: The model's table.
        copy: An empty copy of it, as SQL.
    """

    def __init__(self, connection: Connection, table: Table, copy: str) -> None:
        self._connection = connection
        self._table = table
        self._copy = copy
        self._shown: str = DIALECT.identifier_preparer.format_table(table)

    def constraints(self) -> Iterator[Said]:
        """What it says of the model's constraints; from then on the copy has them."""
        compiler = DIALECT.ddl_compiler(DIALECT, None)
        inline = inline_checks_of(self._table)
        for constraint in (*self._table.constraints, *inline):
            kind = next((kind for of, kind in _KINDS.items() if isinstance(constraint, of)), None)
            # Not the CHECK of an enum, for one, where PostgreSQL has a type for it.
            is_made = constraint._should_create_for_compiler(compiler)  # noqa: SLF001 - tests/test_undocumented_names.py
            is_empty = isinstance(constraint, PrimaryKeyConstraint) and not constraint.columns
            if kind and is_made and not is_empty:
                body = compiler.process(constraint)
                yield self._constraint(kind, body, constraint.name)

    def indexes(self) -> Iterator[Said]:
        """What it says of the model's indexes; from then on the copy has them."""
        for index in self._table.indexes:
            make = str(CreateIndex(index).compile(dialect=DIALECT))
            trial = make.replace("INDEX CONCURRENTLY ", "INDEX ", 1)
            trial = trial.replace(f" ON {self._shown} ", f" ON {self._copy} ", 1)
            if accepts(self._connection, trial):
                yield replace(indexes_of(self._connection, self._copy)[-1], make=make)
            else:
                yield Said(str(index.name), "UNIQUE" if index.unique else "", None, make)

    def generated(self) -> Iterator[Said]:
        """What it says of the model's generated columns."""
        said = {each.name: each for each in generated_of(self._connection, self._copy)}
        for column in self._table.columns:
            if column.computed is not None:
                how = generation_of(column.computed, self._connection)
                yield replace(said.get(column.name, Said(column.name, "", None)), make=how)

    def settled_constraint(self, said: Said) -> Said:
        """The same CHECK or EXCLUDE in words that stay."""

        def word(says: str) -> str | None:
            if not accepts(self._connection, f"ALTER TABLE {self._copy} ADD {says}"):
                return None
            return constraints_of(self._connection, self._copy)[-1].says

        return self._settled(said, word)

    def settled_index(self, said: Said) -> Said:
        """The same index in words that stay."""

        def word(says: str) -> str | None:
            if not accepts(self._connection, f"CREATE {said.kind} INDEX ON {self._copy}{says}"):
                return None
            return indexes_of(self._connection, self._copy)[-1].says

        return self._settled(said, word)

    def settled_column(self, said: Said, column: "Column[Any]") -> Said:
        """The same generated column in words that stay."""
        kind = type_of(column)

        def word(says: str) -> str | None:
            how = f"{kind} GENERATED ALWAYS AS ({says}){STORAGE[said.kind]}"
            if not accepts(self._connection, f"ALTER TABLE {self._copy} ADD {_TRIAL} {how}"):
                return None
            newest = generated_of(self._connection, self._copy)[-1]
            accepts(self._connection, f"ALTER TABLE {self._copy} DROP {_TRIAL}")
            return newest.says

        return self._settled(said, word)

    def _settled(self, said: Said, word: Callable[[str], str | None]) -> Said:
        """What is left when the server words its own words again, as where a dump was restored.

        A list of texts in IN, for one, is worded in two ways.
        """
        for _ in range(3):
            again = word(said.says) if said.says is not None else None
            if again is None or again == said.says:
                break
            said = replace(said, says=again)
        return said

    def _constraint(self, kind: str, body: str, name: Any) -> Said:
        is_named = isinstance(name, str)
        make = f"ALTER TABLE {self._shown} ADD {body}"
        if not accepts(self._connection, f"ALTER TABLE {self._copy} ADD {body}"):
            return Said(str(name) if is_named else "", kind, None, make, is_named)
        newest = constraints_of(self._connection, self._copy)[-1]
        if not is_named:
            # What takes it back needs a name.
            add = f"ADD CONSTRAINT {quoted(newest.name)} {newest.says}"
            make = f"ALTER TABLE {self._shown} {add}"
        return replace(newest, make=make, is_named=is_named)


def inline_checks_of(table: Table) -> list[CheckConstraint]:
    """The CHECKs that a model gives to its columns, which ``table.constraints`` lacks."""
    every = (constraint for column in table.columns for constraint in column.constraints)
    return [one for one in every if isinstance(one, CheckConstraint)]


def type_of(column: "Column[Any]") -> str:
    """The type of a column, as SQL."""
    written: str = DIALECT.type_compiler_instance.process(column.type, type_expression=column)
    return written
