"""Plans that PostgreSQL makes for a filled database, and what it reads when it follows them."""

import json
from collections.abc import Awaitable, Iterator
from contextlib import suppress
from typing import Any
from unittest.mock import patch
from uuid import UUID

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement
from sqlalchemy import ClauseElement, Executable, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from todo.paging import Position
from todo.tasks import listing
from todo.tasks.filters import TaskFilters
from todo.tasks.sorting import SortName
from wellhead import Database, DatabaseSettings

OWNER = UUID("01900000-0000-7000-8000-000000000001")

SMALL_OWNER = UUID("01900000-0000-7000-8000-000000000021")

TABLES = ("tasks", "tags", "task_tags", "deleted_tasks", "deleted_tags")

FILL = [
    # An automatic ANALYZE at the same time would keep VACUUM from marking pages as visible to all.
    *(f"ALTER TABLE {table} SET (autovacuum_enabled = false)" for table in TABLES),
    """
INSERT INTO users (id, email, email_folded, password_hash, created_at, updated_at)
SELECT ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, n || '@example.com',
       n || '@example.com', '-', now(), now()
FROM generate_series(1, 21) n
""",
    """
INSERT INTO tasks (id, user_id, title, priority, due_date, completed_at, version, created_at,
                   updated_at, is_all_day, title_folded, position)
SELECT ('01900001-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
       ('01900000-0000-7000-8000-' || lpad(
           (CASE WHEN n > 20000 THEN 21 ELSE 1 + n % 20 END)::text, 12, '0'))::uuid,
       'Task ' || n * 7919 % 20000, 1 + n / 20 % 4,
       CASE WHEN n / 20 % 3 > 0 THEN timestamptz '2026-01-01' + n * interval '20 minutes' END,
       CASE WHEN n / 20 % 10 > 0 THEN timestamptz '2026-02-01' + n * interval '30 minutes' END,
       1, timestamptz '2026-01-01' + n * interval '10 minutes',
       timestamptz '2026-03-01' - n * interval '1 minute', false, 'task ' || n * 7919 % 20000,
       n * 7919 % 20000 || '5'
FROM generate_series(1, 20100) n
""",
    """
INSERT INTO tags (id, user_id, name, name_folded, color, version, created_at, updated_at)
SELECT ('01900002-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
       ('01900000-0000-7000-8000-' || lpad(
           (CASE WHEN n > 2000 THEN 21 ELSE 1 + n % 20 END)::text, 12, '0'))::uuid,
       'tag ' || number, 'tag ' || number, '#000000', 1, now(), now()
FROM generate_series(1, 2010) n,
     LATERAL (SELECT CASE WHEN n > 2000 THEN n ELSE n / 20 END number) AS names
""",
    """
INSERT INTO task_tags (task_id, tag_id)
SELECT ('01900001-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
       ('01900002-0000-7000-8000-' || lpad(
           (CASE WHEN n > 20000 THEN 2001 + n % 10 ELSE n % 2000 + 1 END)::text, 12, '0'))::uuid
FROM generate_series(1, 20100) n
""",
    # Each transaction has changed two tasks of each user, and now and then a tag.
    "SET session_replication_role = replica",
    "UPDATE tasks SET changed_xid = 1 + substr(id::text, 25)::bigint / 40",
    "UPDATE tags SET changed_xid = 1 + substr(id::text, 25)::bigint / 4",
    """
INSERT INTO deleted_tasks (id, user_id, changed_xid, deleted_at, contents, tags)
SELECT ('01900003-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
       ('01900000-0000-7000-8000-' || lpad((1 + n % 20)::text, 12, '0'))::uuid,
       1 + n / 40, now(), '{}', '[]'
FROM generate_series(1, 20000) n
""",
    """
INSERT INTO deleted_tags (id, user_id, changed_xid, deleted_at, task_ids)
SELECT ('01900004-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
       ('01900000-0000-7000-8000-' || lpad((1 + n % 20)::text, 12, '0'))::uuid,
       1 + n / 4, now(), array[('01900001-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid]
FROM generate_series(1, 2000) n
""",
    "SET session_replication_role = origin",
]


async def fill(url: str) -> None:
    async with Database(DatabaseSettings(url=url)) as database:
        async with database.engine.begin() as connection:
            for statement in FILL:
                await connection.execute(text(statement))
        async with database.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("VACUUM ANALYZE"))


class Explain(Executable, ClauseElement):
    """`EXPLAIN` of a statement with its parameters."""

    inherit_cache = False

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = statement


@compiles(Explain)
def _compile(element: Explain, compiler: SQLCompiler, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **options)}"


class Planner:
    """Tells how PostgreSQL would run a statement."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def plan(self, statement: ClauseElement, **values: Any) -> "Plan":
        row: Any = (await self._connection.execute(Explain(statement), values)).one()
        return Plan(row[0][0]["Plan"])

    async def list(
        self, sort: SortName = "-created_at", *, after: Position | None = None, **filters: Any
    ) -> "Plan":
        """How a page is found; its tags are looked up for what was found."""
        given = TaskFilters(**filters)
        statement = listing.statement(given.shape, sort, is_continued=after is not None)
        whole = await self.plan(statement, **listing.values(OWNER, given, after, 21))
        assert "Sort" not in whole.above("Limit")
        return whole.at("Limit")


_ROWS = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")


class Plan:
    """A plan: its steps, and the indexes they use."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self.steps = list(_steps(root))
        self.kinds = {step["Node Type"] for step in self.steps}
        self.indexes = {step["Index Name"] for step in self.steps if "Index Name" in step}

    def at(self, kind: str) -> "Plan":
        """The part of it that begins with the one step of this kind."""
        (step,) = (step for step in self.steps if step["Node Type"] == kind)
        return Plan(step)

    def above(self, kind: str) -> set[str]:
        """The kinds of the steps through which the rows of this step pass afterwards."""
        return {
            step["Node Type"]
            for step in self.steps
            if step["Node Type"] != kind and any(each["Node Type"] == kind for each in _steps(step))
        }

    def condition(self, index: str) -> str:
        """What is looked up in the index, as opposed to filtered afterwards."""
        return " ".join(
            str(step.get("Index Cond")) for step in self.steps if step.get("Index Name") == index
        )

    def rows(self, table: str) -> int:
        """How many rows of a table it has read, also those that did not fit."""
        found: float = sum(
            step["Actual Loops"] * sum(step.get(each, 0) for each in _ROWS)
            for step in self.steps
            if step.get("Relation Name") == table
        )
        return round(found)

    @property
    def scanned(self) -> set[str]:
        """The tables that it has read from their beginning to their end."""
        return {step["Relation Name"] for step in self.steps if step["Node Type"] == "Seq Scan"}

    @property
    def blocks(self) -> int:
        """How many blocks of tables and indexes it has read."""
        return int(self._root["Shared Hit Blocks"] + self._root["Shared Read Blocks"])


class _Explained(BaseException):
    """Raised in place of doing what was explained; as no `Exception`, no reason to try again."""


async def followed(url: str, work: Awaitable[Any]) -> Plan:
    """What the statement that some work sends first reads in a database; it is not done."""
    connection = await asyncpg.connect(url)
    found: list[Plan] = []

    async def explain(statement: Any, *values: Any, **_: Any) -> Any:
        query = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.get_query()}"
        transaction = connection.transaction()
        await transaction.start()
        answer = await connection.fetchval(query, *values)
        await transaction.rollback()
        found.append(Plan(json.loads(answer)[0]["Plan"]))
        raise _Explained

    try:
        with (
            patch.multiple(PreparedStatement, fetch=explain, fetchrow=explain),
            suppress(_Explained),
        ):
            await work
    finally:
        await connection.close()
    (plan,) = found
    return plan


def _steps(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield step
    for below in step.get("Plans", ()):
        yield from _steps(below)
