"""Each list has its index: plans that PostgreSQL makes for a filled table."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import get_args
from uuid import UUID

import pytest
from plans import OWNER, Planner
from sqlalchemy import delete
from sqlmodel import SQLModel, col, select

from todo.paging import Position
from todo.tags import sql as tags_sql
from todo.tags.models import Tag, TaskTag
from todo.tasks import service
from todo.tasks.models import Priority, Task
from todo.tasks.positions import position_beside_anchor
from todo.tasks.sorting import SortName
from wellhead import Database, DatabaseSettings

MOMENT = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
async def planner(filled_url: str) -> AsyncIterator[Planner]:
    async with (
        Database(DatabaseSettings(url=filled_url)) as database,
        database.engine.connect() as connection,
    ):
        yield Planner(connection)


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
