"""Constraints, indexes and generated columns that differ, as the server words them.

Alembic compares the names of indexes and unique constraints, the columns in them, and foreign keys.
It does not look at CHECK and EXCLUDE constraints and at primary keys, nor at what else an index is
made of, such as its condition.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy import CheckConstraint, Column, Connection, Table, text

from wellhead.migrations.comparing.copies import copy_of
from wellhead.migrations.comparing.enum_types import leaves
from wellhead.migrations.comparing.operations import DIALECT, StatementsOp, quoted
from wellhead.migrations.comparing.wording import (
    CHECK,
    EXCLUDE,
    PRIMARY,
    STORAGE,
    UNIQUE,
    Said,
    Wording,
    constraints_of,
    generated_of,
    indexes_of,
    inline_checks_of,
    type_of,
)

_SET_EXPRESSION_SINCE: Final = 17


@dataclass(frozen=True, slots=True)
class Definitions:
    """What a migration does about them.

    Attributes:
        before: What it does before all that Alembic found.
        after: What it does after that.
        dropped: Names of the constraints and indexes that are dropped before.
    """

    before: list[StatementsOp] = field(default_factory=list)
    after: list[StatementsOp] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def compare_definitions(context: AutogenContext, operations: ops.UpgradeOps) -> Definitions:
    """Compare the tables that are in the models and in the schema.

    Args:
        context: Alembic's comparison.
        operations: What it has found; that is left alone.

    Raises:
        MigrationError: The role may not make temporary tables.
    """
    found = Definitions()
    touched = set(_touched(operations))
    for table in context.sorted_tables:
        if context.run_object_filters(table, table.name, "table", False, None):
            _Comparison(context, table, touched, found).run()
    return found


_Part = tuple[str | None, str, str]
"""A schema, a table in it, and the name of a part of the table."""


def _touched(operations: ops.UpgradeOps) -> Iterator[_Part]:
    """Tables, and their constraints, indexes and columns, that Alembic's own operations make."""
    for each in leaves(operations):
        if isinstance(each, ops.CreateIndexOp | ops.DropIndexOp):
            yield each.schema, str(each.table_name), str(each.index_name)
        elif isinstance(each, ops.AddConstraintOp | ops.DropConstraintOp):
            table, name = (getattr(each, of, "") for of in ("table_name", "constraint_name"))
            yield getattr(each, "schema", None), str(table), str(name)
        elif isinstance(each, ops.AddColumnOp):
            yield each.schema, each.table_name, str(each.column.name)


class _Comparison:
    """One table of the models next to the table of the schema."""

    def __init__(
        self,
        context: AutogenContext,
        table: Table,
        touched: set[_Part],
        found: Definitions,
    ) -> None:
        assert context.connection is not None  # noqa: S101 - autogenerate has one
        self._context = context
        self._connection: Connection = context.connection
        self._table = table
        self._shown: str = DIALECT.identifier_preparer.format_table(table)
        self._touched = touched
        self._found = found

    def run(self) -> None:
        """Compare; if the schema lacks the table, add what Alembic leaves out of it."""
        connection, shown = self._connection, self._shown
        if connection.scalar(text("SELECT to_regclass(:name)"), {"name": shown}) is None:
            compiler = DIALECT.ddl_compiler(DIALECT, None)
            for check in inline_checks_of(self._table):
                add = f"ALTER TABLE {shown} ADD {compiler.process(check)}"
                self._found.after.append(StatementsOp((add,), ()))
            return
        # Read before there is a copy, which hides types of the same name.
        constraints, indexes = constraints_of(connection, shown), indexes_of(connection, shown)
        columns = generated_of(connection, shown)
        with copy_of(connection, self._table) as copy:
            wording = Wording(connection, self._table, copy)
            self._compare_columns(wording, columns)
            declared = list(wording.constraints())
            self._compare_primary_keys(constraints, declared)
            self._compare_unique(constraints, declared)
            self._compare_indexes(wording, indexes)
            for kind in (CHECK, EXCLUDE):
                self._compare_others(
                    wording,
                    [each for each in constraints if each.kind == kind],
                    [each for each in declared if each.kind == kind],
                )

    def _is_touched(self, name: str) -> bool:
        return (self._table.schema, self._table.name, name) in self._touched

    def _compare_others(self, wording: Wording, stored: list[Said], declared: list[Said]) -> None:
        if {each.says for each in stored} != {each.says for each in declared}:
            stored = [wording.settled_constraint(each) for each in stored]
            declared = [wording.settled_constraint(each) for each in declared]
        by_name = {each.name: each for each in stored}
        # First those with a name, so that they are not taken for those without.
        for each in sorted(declared, key=lambda each: not each.is_named):
            twin = by_name.get(each.name)
            if (twin is None or twin.says != each.says) and not each.is_named:
                twin = next((one for one in by_name.values() if one.says == each.says), None)
            if twin is not None and twin.says == each.says:
                del by_name[twin.name]
            elif self._may(each, is_reflected=False):
                self._add(each)
        for one in by_name.values():
            if self._may(one, is_reflected=True):
                self._drop(one)

    def _compare_primary_keys(self, stored: list[Said], declared: list[Said]) -> None:
        # They may have any name.
        ours, theirs = (
            {each.says: each for each in both if each.kind == PRIMARY}
            for both in (declared, stored)
        )
        for says in theirs.keys() - ours.keys():
            self._drop(theirs[says])
        for says in ours.keys() - theirs.keys():
            self._add(ours[says])

    def _compare_unique(self, stored: list[Said], declared: list[Said]) -> None:
        ours, theirs = (
            {each.name: each for each in both if each.kind == UNIQUE} for both in (declared, stored)
        )
        # Those that are missing, or too many, are found by Alembic.
        for name in sorted(ours.keys() & theirs.keys()):
            is_theirs = self._is_touched(name)
            if ours[name].says != theirs[name].says and not is_theirs:
                self._drop(theirs[name])
                self._add(ours[name])

    def _compare_indexes(self, wording: Wording, stored: list[Said]) -> None:
        by_name = {each.name: each for each in stored}
        for our in wording.indexes():
            their = by_name.get(our.name)
            if their is None or self._is_touched(our.name):
                continue
            if (their.kind, their.says) == (our.kind, our.says):
                continue
            settled = wording.settled_index(our), wording.settled_index(their)
            if our.kind == their.kind and settled[0].says == settled[1].says:
                continue
            schema = f"{quoted(self._table.schema)}." if self._table.schema else ""
            drop = f"DROP INDEX {schema}{quoted(our.name)}"
            unique = f"{their.kind} " if their.kind else ""
            back = f"CREATE {unique}INDEX {quoted(our.name)} ON {self._shown}{their.says}"
            self._found.before.append(StatementsOp((drop,), (back,)))
            self._found.after.append(StatementsOp((our.make,), (drop,)))
            self._found.dropped.append(our.name)

    def _compare_columns(self, wording: Wording, stored: list[Said]) -> None:
        ours = {each.name: each for each in wording.generated()}
        theirs = {each.name: each for each in stored}
        for column in self._table.columns:
            our, their = ours.get(column.name), theirs.get(column.name)
            is_new = self._is_touched(column.name)
            if is_new or (our and (our.kind, our.says)) == (their and (their.kind, their.says)):
                continue
            if our and their and our.kind == their.kind:
                settled = (wording.settled_column(each, column).says for each in (our, their))
                if len(set(settled)) == 1:
                    continue
            self._found.after.append(self._regenerated(column, our, their))

    def _regenerated(
        self, column: "Column[Any]", our: Said | None, their: Said | None
    ) -> StatementsOp:
        name, table = quoted(column.name), f"ALTER TABLE {self._shown}"
        version = self._connection.dialect.server_version_info or (0,)
        if our and their and our.kind == their.kind and int(version[0]) >= _SET_EXPRESSION_SINCE:
            change = f"{table} ALTER COLUMN {name} SET EXPRESSION AS"
            return StatementsOp((f"{change} ({our.says})",), (f"{change} ({their.says})",))
        drop, unset = f"{table} DROP COLUMN {name}", f"{table} ALTER COLUMN {name} DROP EXPRESSION"
        add = f"{table} ADD COLUMN {name} {type_of(column)}"
        new = f" {our.make}" if our else ""
        old = f" GENERATED ALWAYS AS ({their.says}){STORAGE[their.kind]}" if their else ""
        return StatementsOp(
            (drop, add + new) if our else (unset,),
            (drop, add + old) if their else (unset,),
            warning=f"The data in column {column.name} is lost." if our else "",
        )

    def _may(self, said: Said, *, is_reflected: bool) -> bool:
        """Whether the project's include_object wants it, and Alembic has not found it already."""
        constraint = CheckConstraint(text(said.says or ""), name=said.name or None)
        filters: Any = self._context.run_object_filters
        return not self._is_touched(said.name) and bool(
            filters(constraint, said.name, "check_constraint", is_reflected, None)
        )

    def _drop(self, one: Said) -> None:
        drop = f"ALTER TABLE {self._shown} DROP CONSTRAINT {quoted(one.name)}"
        back = f"ALTER TABLE {self._shown} ADD CONSTRAINT {quoted(one.name)} {one.says}"
        self._found.before.append(StatementsOp((drop,), (back,)))
        self._found.dropped.append(one.name)

    def _add(self, one: Said) -> None:
        drop = f"ALTER TABLE {self._shown} DROP CONSTRAINT {quoted(one.name)}"
        self._found.after.append(StatementsOp((one.make,), (drop,)))
