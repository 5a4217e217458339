"""What a process knows of its databases, and what it costs while nobody looks: nothing."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import column, func, literal, select, table, text
from sqlalchemy.exc import DBAPIError

from tests.staging.patience import until
from wellhead import Database, DatabaseSettings, compiled
from wellhead.telemetry import lookout as module
from wellhead.telemetry import statement_times
from wellhead.telemetry.lookout import Lookout
from wellhead.telemetry.merging import merged
from wellhead.telemetry.statement_times import StatementTimes

TABLES = table("pg_tables", column("tablename"), schema="pg_catalog")
COUNT = compiled(select(func.count(TABLES.c.tablename)))

RUNS = 20


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(DatabaseSettings(url=database_url, pool_size=2)) as database:
        yield database


@pytest.fixture
def lookout(database: Database) -> Lookout:
    return Lookout({"default": database})


async def calls_of(work: Callable[[], Awaitable[object]]) -> int:
    """The fewest functions of Python that it calls in some runs; the event loop may add others."""
    calls, counted = 0, []

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        del frame, argument
        calls += event == "call"

    for _ in range(RUNS):
        calls = 0
        sys.setprofile(count)
        try:
            await work()
        finally:
            sys.setprofile(None)
        counted.append(calls)
    return min(counted)


@pytest.mark.parametrize("way", ["session", "compiled"])
async def test_statements_take_the_old_way_when_nobody_looks_any_more(
    way: str, database: Database, lookout: Lookout
) -> None:
    async def work() -> None:
        if way == "compiled":
            await COUNT.one(database)
            return
        async with database.session() as session:
            await session.execute(select(literal(1)))

    before = await calls_of(work)
    lookout.read()
    watched = await calls_of(work)
    lookout.stop()
    after = await calls_of(work)

    assert before == after < watched


async def test_it_looks_away_by_itself(lookout: Lookout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_FOR", 0.01)
    before = lookout.is_looking
    lookout.read()
    meanwhile = lookout.is_looking
    await until(lambda: not lookout.is_looking)

    assert (before, meanwhile) == (False, True)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_every_way_to_the_database_is_seen(database: Database, lookout: Lookout) -> None:
    lookout.read()
    await COUNT.one(database)
    async with database.reader() as reader:
        await reader.scalars(select(literal(2)))
    async with database.session() as session:
        await session.execute(text("SELECT 3, 'secret'"))
        await session.execute(text("SELECT 4, 'another'"))
    [seen] = merged([lookout.read()])

    assert {each["shape"]: each["count"] for each in seen["statements"]} == {
        "SELECT count(pg_catalog.pg_tables.tablename) AS count_1 FROM pg_catalog.pg_tables": 1,
        "SELECT $1::INTEGER AS anon_1": 1,
        "SELECT ?, ?": 2,
    }


async def test_it_still_looks_when_the_database_is_opened_again(
    database: Database, lookout: Lookout
) -> None:
    lookout.read()
    await database.close()
    [closed] = merged([lookout.read()])
    await database.open()
    await COUNT.one(database)
    [seen] = merged([lookout.read()])

    assert (closed["readiness"]["is_ready"], closed["pool"]["active"]) == (False, 0)
    assert closed["readiness"]["detail"] == "unavailable: not_open"
    assert [each["count"] for each in seen["statements"]] == [1]


async def test_failures_are_counted_by_class_also_while_nobody_looks(
    database: Database, lookout: Lookout
) -> None:
    for _ in range(2):
        with pytest.raises(DBAPIError):
            async with database.session() as session:
                await session.execute(text("SELECT 1 / 0"))
    [seen] = merged([lookout.read()])

    assert seen["errors"] == {"invalid_data": 2}


async def test_figures_of_several_processes_are_added_up(
    database: Database, lookout: Lookout
) -> None:
    lookout.read()
    await COUNT.one(database)
    told = lookout.read()
    [one] = merged([told])
    [two] = merged([told, told])

    assert two["pool"]["acquired"] == 2 * one["pool"]["acquired"]
    assert two["pool"]["limit"] == 2 * one["pool"]["limit"]
    assert two["statements"][0]["count"] == 2
    assert two["statements"][0]["mean"] == pytest.approx(one["statements"][0]["mean"])
    assert two["hold"] == one["hold"]
    assert two["readiness"] == one["readiness"]


async def test_a_process_that_is_not_ready_is_the_one_that_is_shown(lookout: Lookout) -> None:
    told = lookout.read()
    behind = {"default": {**told["default"], "readiness": {"is_ready": False, "age": 1.0}}}
    [seen] = merged([told, behind])

    assert seen["readiness"] == {"is_ready": False, "age": 1.0}


def test_shapes_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_times, "MOST_SHAPES", 10)
    monkeypatch.setattr(statement_times, "MOST_TEXTS", 20)
    times = StatementTimes()
    times.ran("SELECT slow", "SELECT slow", 100.0, None)
    for number in range(100):
        statement = f"SELECT a{number}"
        times.ran(statement, statement, 0.001, None)
    told = times.tell()

    assert len(told) <= 10
    assert "SELECT slow" in {each["shape"] for each in told.values()}
