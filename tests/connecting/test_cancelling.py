"""Cancelled at every point where it waits, work leaves a sound connection, or none."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import asyncpg
import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.pool.test_cancelling import was_cancelled
from tests.staging.patience import until
from wellhead import Database, DatabaseSettings
from wellhead.pool.connection_state import is_in_transaction
from wellhead.testing.proxy import TCPProxy

Work = Callable[[Database], Awaitable[None]]


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
def make_database(request: pytest.FixtureRequest, proxied_url: str) -> Callable[[], Database]:
    url = proxied_url.replace("postgresql", request.param, 1)
    return lambda: Database(DatabaseSettings(url=url, pool_size=1, max_overflow=0))


@pytest.fixture
async def table(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("CREATE TABLE note (id int)")
    await connection.close()


async def run(session: AsyncSession, statement: str) -> Any:
    return await (await session.connection()).scalar(text(statement))


async def write(database: Database) -> None:
    async with database.session() as session:
        await run(session, "INSERT INTO note VALUES (1) RETURNING id")
        await run(session, "SELECT count(*) FROM note")


async def write_in_a_savepoint(database: Database) -> None:
    async with database.session() as session:
        async with session.begin_nested():
            await run(session, "INSERT INTO note VALUES (1) RETURNING id")
        await run(session, "SELECT count(*) FROM note")


async def read(database: Database) -> None:
    async with database.reader() as reader:
        await reader.exec(text("SELECT count(*) FROM note"))


async def assert_sound(database: Database, step: int) -> None:
    """The next to come get their own answers, outside of any transaction that was left behind."""
    async with database.session() as session:
        assert await run(session, "SELECT 41 + 1") == 42, step
    async with database.reader() as reader:
        assert (await reader.exec(text(f"SELECT {step}"))).scalar_one() == step
    await until(lambda: database.stats().active == 0)
    async with database.engine.connect() as connection:
        driver_connection = (await connection.get_raw_connection()).driver_connection
        # Nothing was sent yet: an open transaction here belongs to another task.
        assert not is_in_transaction(driver_connection), step


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("work", [write, write_in_a_savepoint, read])
async def test_wherever_work_is_cancelled_the_next_finds_a_sound_connection(
    make_database: Callable[[], Database], work: Work
) -> None:
    async with make_database() as database:
        await work(database)
        step, goes_on = 0, True
        while goes_on:
            step += 1
            goes_on = await was_cancelled(work(database), step)
            await assert_sound(database, step)

    assert step > 2


@pytest.mark.usefixtures("table")
async def test_what_was_cancelled_before_its_commit_is_not_there(
    make_database: Callable[[], Database],
) -> None:
    """Each attempt leaves one row more, or as many as before."""
    async with make_database() as database:
        step, goes_on, rows = 0, True, 0
        while goes_on:
            step += 1
            goes_on = await was_cancelled(write(database), step)
            async with database.reader() as reader:
                after = (await reader.exec(text("SELECT count(*) FROM note"))).scalar_one()
            # Cancelled during COMMIT it may have been committed all the same.
            assert rows <= after <= rows + 1
            rows = after

    assert rows >= 1


@pytest.mark.slow
async def test_those_who_work_beside_the_cancelled_get_their_own_answers(
    make_database: Callable[[], Database],
) -> None:
    steps = random.Random(5)  # noqa: S311 - the same steps each time
    async with make_database() as database:

        async def ask(number: int) -> None:
            async with database.session() as session:
                assert await run(session, f"SELECT {number}") == number
                assert await run(session, f"SELECT -{number}") == -number

        for _ in range(20):
            cancelled = [was_cancelled(ask(number), steps.randint(1, 12)) for number in range(4)]
            await asyncio.gather(*cancelled, *(ask(number) for number in range(10, 14)))
        await assert_sound(database, 0)
        await until(lambda: database.stats().active == 0)
        stats = database.stats()

    assert stats.total <= 1


SLEEPING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event = 'PgSleep'
"""


async def test_the_connection_of_a_cancelled_query_is_kept(
    make_database: Callable[[], Database], database_url: str
) -> None:
    watch = await asyncpg.connect(database_url)
    async with make_database() as database:
        for _ in range(20):
            task = asyncio.create_task(only_sleep(database))
            while True:
                # A request to cancel that overtook the query would find nothing to cancel.
                if await watch.fetchval(SLEEPING) == 1:
                    break
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await watch.fetchval(SLEEPING) == 0
        stats = database.stats()
    await watch.close()

    assert stats.opened == 1
    assert sum(stats.closed.values()) == 0


async def test_a_connection_whose_server_does_not_answer_is_closed(
    make_database: Callable[[], Database], proxy: TCPProxy
) -> None:
    async with make_database() as database:
        sleeping = asyncio.create_task(only_sleep(database))
        await until(lambda: database.stats().active == 1)
        proxy.stall()
        sleeping.cancel()
        await asyncio.sleep(0.05)
        # psycopg would go on asking the server to cancel.
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        proxy.resume()
        closed = database.stats().closed["invalidated"]
        await assert_sound(database, 1)

    assert closed == 1


async def only_sleep(database: Database) -> None:
    async with database.session() as session:
        await run(session, "SELECT pg_sleep(60)")


async def test_a_scope_of_anyio_which_cancels_again_and_again_ends_the_statement(
    make_database: Callable[[], Database], database_url: str
) -> None:
    """As Starlette ends a stream whose client has gone; asyncio cancels once."""
    scope = anyio.CancelScope()

    async def sleep(database: Database) -> None:
        with scope:
            async with database.session() as session:
                await run(session, "SELECT pg_sleep(600)")

    async def sleeping() -> int:
        return await watch.fetchval(  # type: ignore[no-any-return]
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"
        )

    watch = await asyncpg.connect(database_url)
    async with make_database() as database:
        task = asyncio.create_task(sleep(database))
        await until(sleeping)
        scope.cancel()
        await task
        assert await sleeping() == 0
        await until(lambda: database.stats().checked_out == 0)

        assert not any(database.stats().closed.values())
    await watch.close()
