"""Each list has its index: plans that PostgreSQL makes for a filled table."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import pytest
from sqlalchemy import ClauseElement, Executable, delete, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlmodel import SQLModel, col, select

from tests.staging.databases import Databases
from todo.paging import Position
from todo.tags import sql as tags_sql
from todo.tags.models import Tag, TaskTag
from todo.tasks import listing, service
from todo.tasks.filters import TaskFilters
from todo.tasks.models import Priority, Task
from todo.tasks.positions import position_beside_anchor
from todo.tasks.sorting import SortName
from wellhead import Database, DatabaseSettings
from wellhead.migrations import Migrations

OWNER = UUID("01900000-0000-7000-8000-000000000001")
MOMENT = datetime(2026, 6, 1, tzinfo=UTC)

FILL = [
    """
INSERT INTO users (id, email, email_folded, password_hash, created_at, updated_at)
SELECT ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, n || '@example.com',
       n || '@example.com', '-', now(), now()
FROM generate_series(1, 20) n
""",
    """
INSERT INTO tasks (id, user_id, title, priority, due_date, completed_at, version, created_at,
                   updated_at, is_all_day, title_folded, position)
SELECT ('01900001-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
       ('01900000-0000-7000-8000-' || lpad((1 + n % 20)::text, 12, '0'))::uuid,
       'Task ' || n * 7919 % 20000, 1 + n / 20 % 4,
       CASE WHEN n / 20 % 3 > 0 THEN timestamptz '2026-01-01' + n * interval '20 minutes' END,
       CASE WHEN n / 20 % 10 > 0 THEN timestamptz '2026-02-01' + n * interval '30 minutes' END,
       1, timestamptz '2026-01-01' + n * interval '10 minutes',
       timestamptz '2026-03-01' - n * interval '1 minute', false, 'task ' || n * 7919 % 20000,
       n * 7919 % 20000 || '5'
FROM generate_series(1, 20000) n
""",
    """
INSERT INTO tags (id, user_id, name, name_folded, color, version, created_at, updated_at)
SELECT ('01900002-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
       ('01900000-0000-7000-8000-' || lpad((1 + n % 20)::text, 12, '0'))::uuid,
       'tag ' || n / 20, 'tag ' || n / 20, '#000000', 1, now(), now()
FROM generate_series(1, 2000) n
""",
    """
INSERT INTO task_tags (task_id, tag_id)
SELECT ('01900001-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
       ('01900002-0000-7000-8000-' || lpad((n % 2000 + 1)::text, 12, '0'))::uuid
FROM generate_series(1, 20000) n
""",
]


@pytest.fixture(scope="module")
def filled_url(databases: Databases, wellhead_schema: Path) -> Iterator[str]:
    """The URL of a database with 20 users, and for each 1,000 tasks and 100 tags."""
    url = databases.create()
    Migrations(wellhead_schema, settings=DatabaseSettings(url=url)).upgrade()
    asyncio.run(fill(url))
    yield url
    databases.drop(url)


async def fill(url: str) -> None:
    async with Database(DatabaseSettings(url=url)) as database:
        async with database.engine.begin() as connection:
            for statement in FILL:
                await connection.execute(text(statement))
        async with database.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("VACUUM ANALYZE"))


@pytest.fixture
async def planner(filled_url: str) -> AsyncIterator["Planner"]:
    async with (
        Database(DatabaseSettings(url=filled_url)) as database,
        database.engine.connect() as connection,
    ):
        yield Planner(connection)


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


def _steps(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield step
    for below in step.get("Plans", ()):
        yield from _steps(below)


INDEX_OF_SORT = {
    "created_at": "ix_tasks_user_id_created_at",
    "updated_at": "ix_tasks_user_id_updated_at",
    "priority": "ix_tasks_user_id_priority",
    "title": "ix_tasks_user_id_title",
    "position": "ix_tasks_user_id_position",
    "due_date": "ix_tasks_user_id_due_date",
    "-due_date": "ix_tasks_user_id_due_date_desc",
}


@pytest.mark.parametrize("sort", get_args(SortName))
async def test_each_order_is_read_from_its_index_without_sorting(
    planner: Planner, sort: SortName
) -> None:
    plan = await planner.list(sort)

    assert plan.indexes == {INDEX_OF_SORT.get(sort) or INDEX_OF_SORT[sort.removeprefix("-")]}
    assert plan.kinds == {"Limit", "Index Scan"}


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        ("created_at", MOMENT),
        ("-created_at", MOMENT),
        ("updated_at", MOMENT),
        ("-updated_at", MOMENT),
        ("priority", Priority.MEDIUM),
        ("-priority", Priority.MEDIUM),
        ("title", "task 50"),
        ("-title", "task 50"),
        ("position", "505"),
        ("-position", "505"),
        ("due_date", MOMENT),
        ("-due_date", MOMENT),
        ("due_date", None),
        ("-due_date", None),
    ],
)
async def test_a_later_page_starts_in_the_middle_of_the_index(
    planner: Planner, sort: SortName, value: object
) -> None:
    plan = await planner.list(sort, after=Position(value, OWNER))
    (index,) = plan.indexes

    assert plan.kinds == {"Limit", "Index Scan"}
    assert "ROW(" in plan.condition(index)


async def test_open_tasks_by_due_date_skip_the_done_ones(planner: Planner) -> None:
    plan = await planner.list("due_date", completed=False)

    assert plan.indexes == {"ix_tasks_open_user_id_due_date"}
    assert plan.kinds == {"Limit", "Index Scan"}


async def test_a_due_range_is_a_range_of_the_index(planner: Planner) -> None:
    plan = await planner.list("due_date", due_from=MOMENT, due_before=MOMENT.replace(day=2))
    (index,) = plan.indexes

    assert index == "ix_tasks_user_id_due_date"
    assert plan.condition(index).count("COALESCE(due_date") == 2


async def test_overdue_tasks_are_a_range_of_the_index_of_open_ones(planner: Planner) -> None:
    plan = await planner.list("due_date", overdue=True, time_zone="Asia/Tokyo")

    assert plan.indexes == {"ix_tasks_open_user_id_due_date"}
    assert "COALESCE(due_date" in plan.condition("ix_tasks_open_user_id_due_date")


async def test_tasks_that_have_changed_lately_are_a_range_of_the_index(planner: Planner) -> None:
    plan = await planner.list("updated_at", updated_from=MOMENT)

    assert "updated_at >=" in plan.condition("ix_tasks_user_id_updated_at")


async def test_the_beginning_of_a_rare_word_is_found_by_the_search_index(planner: Planner) -> None:
    plan = await planner.list(q="1583")

    assert "ix_tasks_search_vector" in plan.indexes


async def test_a_rare_word_is_found_by_the_search_index(planner: Planner) -> None:
    plan = await planner.list(q="15838")

    assert "ix_tasks_search_vector" in plan.indexes


@pytest.mark.parametrize("is_after", [False, True])
async def test_the_place_of_a_moved_task_is_found_by_index(
    planner: Planner, *, is_after: bool
) -> None:
    task_id, anchor_id = (UUID(f"01900001-0000-7000-8000-{n:012d}") for n in (20, 40))
    place = select(position_beside_anchor(is_after=is_after)).where(col(Task.id) == task_id)
    plan = await planner.plan(
        place, owner_id=OWNER, task_id=task_id, anchor_id=anchor_id, now_position="9"
    )

    assert "ix_tasks_user_id_position" in plan.indexes
    assert not plan.kinds & {"Seq Scan", "Sort"}


async def test_a_tag_is_found_by_its_name_and_its_tasks_by_the_tag(planner: Planner) -> None:
    plan = await planner.list(tag=["Tag 7"])

    assert "uq_tags_user_id_name_folded" in plan.indexes
    assert plan.indexes & {"ix_task_tags_tag_id_task_id", "pk_task_tags"}
    assert "Seq Scan" not in plan.kinds


async def test_a_list_of_tags_reads_and_counts_by_index(planner: Planner) -> None:
    plan = await planner.plan(tags_sql.OF_A_USER, owner_id=OWNER, limit=21)

    assert plan.indexes == {"uq_tags_user_id_name_folded", "ix_task_tags_tag_id_task_id"}
    assert not plan.kinds & {"Seq Scan", "Sort"}


async def test_the_oldest_completed_tasks_are_found_by_index(planner: Planner) -> None:
    plan = await planner.plan(service.oldest_completed(before=MOMENT, limit=100))

    assert "ix_tasks_completed_at" in plan.indexes
    assert not plan.kinds & {"Seq Scan", "Sort"}


@pytest.mark.parametrize(
    ("model", "reference"),
    [
        (Task, Task.user_id),
        (Tag, Tag.user_id),
        (TaskTag, TaskTag.task_id),
        (TaskTag, TaskTag.tag_id),
    ],
)
async def test_the_end_of_an_account_scans_no_table(
    planner: Planner, model: type[SQLModel], reference: UUID
) -> None:
    plan = await planner.plan(delete(model).where(col(reference) == OWNER))

    assert plan.indexes
    assert "Seq Scan" not in plan.kinds
