"""A request reads as many rows as it returns, or as its user has, and never a whole table."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, timedelta
from functools import partial
from typing import Any, TypeAlias, get_args
from uuid import UUID

import pytest
from plans import OWNER, SMALL_OWNER, TABLES, Plan, followed

from todo.idempotency.creation import Creation, Values
from todo.idempotency.service import Idempotency, create
from todo.paging import Position
from todo.sync.service import ChangedSince, changes
from todo.sync.token import Since, Snapshot
from todo.tasks import bulk, listing
from todo.tasks.counts import counts
from todo.tasks.filters import TaskFilters
from wellhead import Database, DatabaseSettings

Follow: TypeAlias = Callable[[Awaitable[Any]], Awaitable[Plan]]

LARGE_TABLES = {"tasks", "task_tags", "deleted_tasks"}
OWN = 1000
INDEXES_OF_EVERYTHING = {"ix_tasks_user_id_changed_xid", "ix_tags_user_id_changed_xid"}
INDEXES_OF_CHANGES = {f"ix_{table}_user_id_changed_xid" for table in TABLES if table != "task_tags"}
PAGE = 20
MOST_ROWS = 3 * (PAGE + 1)
"""Of one table: a row is found, read as a whole, and may be found again as one that is deleted."""
MOST_BLOCKS = 20 * PAGE
IN_THE_MIDDLE, NEAR_THE_END = Position(250, OWNER), Position(480, OWNER)


@pytest.fixture
async def filled(filled_url: str) -> AsyncIterator[Database]:
    async with Database(DatabaseSettings(url=filled_url)) as database:
        yield database


@pytest.fixture
def follow(filled_url: str) -> Follow:
    """Tells what some work has read."""
    return partial(followed, filled_url)


def rows(plan: Plan) -> dict[str, int]:
    """How many rows of each table, none of which may be scanned."""
    assert not plan.scanned.intersection(TABLES)
    return {table: plan.rows(table) for table in TABLES}


def assert_reads_a_page(plan: Plan) -> None:
    assert 0 < max(rows(plan).values()) <= MOST_ROWS
    assert plan.blocks <= MOST_BLOCKS


def seen(xid: int) -> Snapshot:
    """What a client has seen that read before a transaction."""
    return Snapshot(xmin=xid, xmax=xid, xip=[])


def page(database: Database, since: Since | None = None) -> Awaitable[ChangedSince]:
    return changes(database, owner_id=OWNER, since=since, limit=PAGE)


async def test_the_first_page_of_everything_reads_a_page(filled: Database, follow: Follow) -> None:
    plan = await follow(page(filled))

    assert_reads_a_page(plan)
    assert plan.indexes >= INDEXES_OF_EVERYTHING


async def test_a_later_page_of_everything_reads_a_page(filled: Database, follow: Follow) -> None:
    first = (await page(filled)).since
    plan = await follow(page(filled, replace(first, after=IN_THE_MIDDLE)))

    assert_reads_a_page(plan)
    assert plan.indexes >= INDEXES_OF_EVERYTHING


async def test_a_client_that_is_in_step_reads_no_row(filled: Database, follow: Follow) -> None:
    first = (await page(filled)).since
    plan = await follow(page(filled, Since(first.history, first.end, None)))

    assert set(rows(plan).values()) == {0}
    assert plan.blocks <= MOST_BLOCKS
    assert plan.indexes >= INDEXES_OF_CHANGES


@pytest.mark.parametrize("snapshot", [seen(1), seen(495)], ids=["all", "few"])
async def test_a_page_of_changes_reads_a_page(
    filled: Database, follow: Follow, snapshot: Snapshot
) -> None:
    first = (await page(filled)).since
    plan = await follow(page(filled, Since(first.history, snapshot, None)))

    assert_reads_a_page(plan)
    assert plan.indexes >= INDEXES_OF_CHANGES


async def test_a_later_page_of_changes_reads_nothing_of_those_before(
    filled: Database, follow: Follow
) -> None:
    first = (await page(filled)).since
    plan = await follow(page(filled, Since(first.history, seen(1), first.end, NEAR_THE_END)))

    assert_reads_a_page(plan)
    assert plan.indexes >= INDEXES_OF_CHANGES


async def test_after_a_long_transaction_a_client_reads_what_is_its_own(
    filled: Database, follow: Follow
) -> None:
    first = (await page(filled)).since
    snapshot = Snapshot(xmin=1, xmax=495, xip=[1])
    plan = await follow(page(filled, Since(first.history, snapshot, None)))

    # All that has changed since it began is looked through; the table of tags is small.
    assert not plan.scanned & LARGE_TABLES
    assert max({table: plan.rows(table) for table in LARGE_TABLES}.values()) <= OWN + MOST_ROWS


async def test_counts_read_what_the_user_has(filled: Database, follow: Follow) -> None:
    plan = await follow(counts(filled, owner_id=SMALL_OWNER, time_zone=UTC))

    # Each of 100 tasks as such, by its tag, and perhaps once more as one without a tag.
    found = rows(plan)
    assert 100 <= found["tasks"] <= 300
    assert found["task_tags"] <= 200
    assert found["tags"] <= 10


MATCHING = [({}, 100), ({"q": "task"}, 100), ({"tag": ["tag 2001"]}, 10), ({"q": "158"}, 111)]
"""Filters, and at most how many rows they match; a rare word is looked up for all users."""


@pytest.mark.parametrize(("filters", "most"), MATCHING, ids=str)
async def test_a_search_reads_what_matches(
    filled: Database, follow: Follow, filters: dict[str, Any], most: int
) -> None:
    given = TaskFilters(**filters)
    plan = await follow(
        listing.page(
            filled, owner_id=SMALL_OWNER, filters=given, sort="-created_at", after=None, limit=PAGE
        )
    )

    found = rows(plan)
    assert found["tasks"] <= most
    assert found["task_tags"] <= PAGE + 1 + 10


def done(database: Database, work: tuple[Creation, Values]) -> Awaitable[Any]:
    creation, values = work
    own = Idempotency(b"", timedelta()).own_submission()
    return create(database, creation, values, location=None, submission=own)


@pytest.mark.parametrize("action", get_args(bulk.Action))
async def test_bulk_by_ids_reads_these(
    filled: Database, follow: Follow, action: bulk.Action
) -> None:
    ids = [UUID(f"01900001-0000-7000-8000-{20 * number:012d}") for number in range(1, 6)]
    plan = await follow(done(filled, bulk.by_ids(action, owner_id=OWNER, ids=ids)))

    # Each is found, locked and written. The table of tags is small.
    assert not plan.scanned & LARGE_TABLES
    assert len(ids) <= plan.rows("tasks") <= 3 * len(ids)


@pytest.mark.parametrize(("filters", "most"), MATCHING, ids=str)
async def test_bulk_by_filter_reads_what_matches(
    filled: Database, follow: Follow, filters: dict[str, Any], most: int
) -> None:
    given = TaskFilters(**filters)
    plan = await follow(
        done(filled, bulk.by_filters("delete", owner_id=SMALL_OWNER, filters=given))
    )

    assert rows(plan)["tasks"] <= 3 * most
