"""The blocks in which a session or a reader is open."""

import asyncio
import logging
from types import TracebackType
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from wellhead import Database, DatabaseSettings, ExclusiveSession, PoolTimeout


class Telling(ExclusiveSession):
    """Tells what its block ended with."""

    ends: list[BaseException | None]

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.ends.append(error)
        await super().__aexit__(kind, error, traceback)


@pytest.fixture
def settings(database_url: str) -> DatabaseSettings:
    return DatabaseSettings(
        url=database_url, pool_size=1, max_overflow=0, pool_timeout=3.1, connect_timeout=3.0
    )


async def test_a_session_hears_of_the_commit_that_failed(settings: DatabaseSettings) -> None:
    Telling.ends = []
    async with Database(settings, session_class=Telling) as database:
        async with database.engine.begin() as connection:
            await connection.execute(
                text("CREATE TABLE once (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            )
        with pytest.raises(DBAPIError):
            async with database.session() as session:
                await session.execute(text("INSERT INTO once VALUES (1), (1)"))

    [error] = Telling.ends
    assert isinstance(error, DBAPIError)


@pytest.mark.parametrize("way", ["session", "reader"])
async def test_a_block_that_got_no_connection_is_counted_no_more(
    way: str, settings: DatabaseSettings, caplog: pytest.LogCaptureFixture
) -> None:
    async with Database(settings) as database:
        async with database.session() as session:
            await session.execute(text("SELECT 1"))
            with pytest.raises(PoolTimeout):
                async with getattr(database, way)() as other:
                    await other.execute(text("SELECT 1"))
        assert await in_use_at_the_end(database, caplog) == []


async def in_use_at_the_end(database: Database[Any], caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is said of sessions that are still counted when the database is closed."""
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        await database.close(grace=0.1)
    return [each.getMessage() for each in caplog.records if "still in use" in each.getMessage()]


async def test_a_session_that_cannot_be_made_is_counted_no_more(
    settings: DatabaseSettings, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(ExclusiveSession):
        is_broken = False

        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            if self.is_broken:
                raise LookupError("broken")

    async with Database(settings, session_class=Failing) as database:
        Failing.is_broken = True
        with pytest.raises(LookupError):
            await database.session().__aenter__()
        async with database.reader() as reader:
            with pytest.raises(LookupError):
                await reader.scalar(select(1))
        assert await in_use_at_the_end(database, caplog) == []


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_only_what_is_to_be_rolled_back_is_closed_in_a_task_of_its_own(
    driver: str, database_url: str
) -> None:
    url = database_url.replace("postgresql://", f"postgresql+{driver}://")
    tasks: list[str] = []

    def note(loop: asyncio.AbstractEventLoop, work: Any, **keywords: Any) -> asyncio.Task[Any]:
        tasks.append(work.__qualname__)
        return asyncio.Task(work, loop=loop, **keywords)

    def closings() -> int:
        return sum("close" in name for name in tasks)

    async with Database(DatabaseSettings(url=url)) as database:
        asyncio.get_running_loop().set_task_factory(note)
        async with database.reader() as reader:
            await reader.scalar(select(func.abs(1)))
        async with database.session() as session:
            await session.execute(select(func.abs(1)))
        without = closings()
        with pytest.raises(LookupError):
            await read_and_fail(database)
        asyncio.get_running_loop().set_task_factory(None)

    assert (without, closings()) == (0, 1)


async def read_and_fail(database: Database) -> None:
    async with database.session() as session:
        await session.execute(select(func.abs(1)))
        raise LookupError


async def test_a_close_of_the_applications_own_is_finished_for_a_caller_who_is_cancelled(
    settings: DatabaseSettings,
) -> None:
    is_closing, may_go_on, is_closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Slow(ExclusiveSession):
        async def close(self) -> None:
            is_closing.set()
            await may_go_on.wait()
            await super().close()
            is_closed.set()

    async def work(database: Database[Any]) -> None:
        async with database.session():
            pass

    async with Database(settings, session_class=Slow) as database:
        task = asyncio.create_task(work(database))
        await is_closing.wait()
        task.cancel()
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

        await asyncio.wait_for(is_closed.wait(), 60)
