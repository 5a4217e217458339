"""Units of work that may be done twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.staging.proxy import TCPProxy
from todo.units import MOST_UNKNOWN, run_repeatable
from wellhead import CommitUnknownError, Database
from wellhead.sessions.deadline import Deadline, Ending

COMMIT = b"COMMIT;"


@pytest.fixture
async def database(proxied_database: Database) -> AsyncIterator[Database]:
    async with proxied_database:
        async with proxied_database.session() as session:
            await (await session.connection()).execute(text("CREATE TABLE notes (written int)"))
        yield proxied_database


async def write(session: AsyncSession) -> int:
    """Write, and return a number."""
    await (await session.connection()).execute(text("INSERT INTO notes VALUES (1)"))
    return 7


async def written(database: Database) -> int:
    async with database.reader() as reader:
        count: int = (await reader.exec(text("SELECT count(*) FROM notes"))).scalar_one()
    return count


@pytest.mark.parametrize("passes", [True, False])
async def test_a_unit_that_may_be_done_twice_is_done_again_after_a_lost_commit(
    database: Database, proxy: TCPProxy, caplog: pytest.LogCaptureFixture, *, passes: bool
) -> None:
    broken = proxy.break_at(COMMIT, passes=passes)

    assert await run_repeatable(database.run, write) == 7

    assert broken.is_set()
    assert "a COMMIT was not answered" in caplog.text
    assert await written(database) == (2 if passes else 1)


async def test_it_gives_up_when_no_commit_is_ever_answered(
    database: Database, proxy: TCPProxy
) -> None:
    broken = [proxy.break_at(COMMIT, passes=False) for _ in range(MOST_UNKNOWN + 1)]

    with pytest.raises(CommitUnknownError):
        await run_repeatable(database.run, write)

    assert [each.is_set() for each in broken] == [True] * MOST_UNKNOWN + [False]


async def test_what_fails_after_a_lost_commit_leaves_it_unknown(
    database: Database, proxy: TCPProxy
) -> None:
    attempts = 0

    async def write_and_fail_the_second_time(session: AsyncSession) -> int:
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            await (await session.connection()).execute(text("SELECT 1 / 0"))
        return await write(session)

    proxy.break_at(COMMIT, passes=True)

    with pytest.raises(CommitUnknownError):
        await run_repeatable(database.run, write_and_fail_the_second_time)

    assert await written(database) == 1


async def test_what_fails_at_once_is_what_it_is(database: Database) -> None:
    async def fail(session: AsyncSession) -> None:
        await (await session.connection()).execute(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError):
        await run_repeatable(database.run, fail)


async def test_a_unit_that_was_done_at_last_leaves_nothing_open(
    database: Database, proxy: TCPProxy
) -> None:
    broken = proxy.break_at(COMMIT, passes=True)

    with Deadline(60) as deadline:
        await run_repeatable(database.run, write)
        asyncio.get_running_loop().call_soon(deadline.end, Ending.TIMEOUT)
        await asyncio.Event().wait()

    assert broken.is_set()
    assert (deadline.is_over, deadline.cut_commit) == (True, False)
