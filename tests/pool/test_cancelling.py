"""Cancelled at every point where it waits, a caller leaves the pool whole."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel import select

from tests.pool.conftest import server_has
from tests.staging.patience import until
from wellhead import (
    AsyncPool,
    Database,
    DatabaseSettings,
    DriverPool,
    PoolPolicy,
    PoolStats,
)

SIZE = 2
NAME = "cancelling"


class CancelAt:
    """Awaits something and cancels the task when it waits for the n-th time."""

    def __init__(self, awaitable: Awaitable[Any], step: int) -> None:
        self._awaitable, self._step = awaitable, step

    def __await__(self) -> Generator[Any, Any, Any]:
        inner, waits = self._awaitable.__await__(), 0
        failure: BaseException | None = None
        while True:
            try:
                awaited = inner.send(None) if failure is None else inner.throw(failure)
            except StopIteration as end:
                return end.value
            waits += 1
            if waits == self._step:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            failure = None
            try:
                yield awaited
            except BaseException as error:  # noqa: BLE001 - it is raised to the waiter
                failure = error


async def was_cancelled(work: Awaitable[Any], step: int) -> bool:
    """Whether the work waited so many times, and so was cancelled."""

    async def run() -> None:
        await CancelAt(work, step)

    (result,) = await asyncio.gather(asyncio.create_task(run()), return_exceptions=True)
    assert result is None or isinstance(result, asyncio.CancelledError), result
    return result is not None


async def ended_before(work: Coroutine[Any, Any, None], turns: int) -> bool:
    """Whether the work ended within so many turns of the loop; cancelled after them otherwise."""
    task = asyncio.create_task(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    had_ended = task.done()
    task.cancel()
    (result,) = await asyncio.gather(task, return_exceptions=True)
    assert result is None or isinstance(result, asyncio.CancelledError), result
    return had_ended


async def assert_at_rest(read: Callable[[], PoolStats], url: str, step: int) -> None:
    def is_at_rest() -> bool:
        stats = read()
        return not (stats.opening or stats.closing or stats.active or stats.waiting)

    # A connection opened or used for a cancelled caller may be returned a little later.
    await until(is_at_rest)
    stats = read()
    assert 1 <= stats.total <= SIZE, step
    assert stats.opened - sum(stats.closed.values()) == stats.total, step
    await server_has(url, NAME, stats.total)


@pytest.fixture(params=["asyncpg", "psycopg"])
def driver(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def note(database_url: str) -> None:
    """A table to write to."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("CREATE TABLE note (id int)")
    await connection.close()


class Natively:
    """The pool of a driver's own connections."""

    def __init__(self, driver: str, url: str) -> None:
        settings = {"application_name": NAME}
        connects: dict[str, Callable[[], Awaitable[Any]]] = {
            "asyncpg": lambda: asyncpg.connect(url, server_settings=settings),
            "psycopg": lambda: psycopg.AsyncConnection.connect(
                url, application_name=NAME, autocommit=True
            ),
        }
        policy = PoolPolicy(pool_size=SIZE, max_overflow=0, check_after_idle=0, timeout=20)
        self._pool: DriverPool[Any] = DriverPool(connects[driver], policy, reset=False)
        self.stats = self._pool.stats
        self.close = self._pool.close

    async def work(self) -> None:
        async with self._pool.acquire() as connection:
            async with connection.transaction():
                await connection.execute("INSERT INTO note VALUES (1)")
            await connection.execute("SELECT 1")

    async def ask(self, number: int) -> Any:
        async with self._pool.acquire() as connection:
            if isinstance(connection, asyncpg.Connection):
                assert not connection.is_in_transaction()
                return await connection.fetchval(f"SELECT {number}")
            row = await (await connection.execute(f"SELECT {number}")).fetchone()
            return row[0]


class BySQLAlchemy:
    """The same under SQLAlchemy's engine, where closing by hand is not shielded."""

    def __init__(self, driver: str, url: str) -> None:
        named = {"application_name": NAME}
        self._engine: AsyncEngine = create_async_engine(
            url.replace("postgresql", f"postgresql+{driver}", 1),
            poolclass=AsyncPool,
            pool_size=SIZE,
            max_overflow=0,
            pool_timeout=20,
            check_after_idle=0,
            connect_args={"server_settings": named} if driver == "asyncpg" else named,
        )
        self.close = self._engine.dispose

    def stats(self) -> PoolStats:
        pool = self._engine.sync_engine.pool
        assert isinstance(pool, AsyncPool)
        return pool.stats()

    async def work(self) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(text("INSERT INTO note VALUES (1)"))
        by_hand = await self._engine.connect()
        await by_hand.execute(text("SELECT count(*) FROM note"))
        await by_hand.rollback()
        await by_hand.execute(text("INSERT INTO note VALUES (2)"))
        await by_hand.commit()
        await by_hand.execute(text("SELECT 1"))
        await by_hand.close()

    async def ask(self, number: int) -> Any:
        async with self._engine.connect() as connection:
            return await connection.scalar(text(f"SELECT {number}"))


class ByReaders:
    """The same under the readers of a database, which is opened on the way."""

    def __init__(self, driver: str, url: str) -> None:
        self._database = Database(
            DatabaseSettings(
                url=url.replace("postgresql", f"postgresql+{driver}", 1),
                pool_size=SIZE,
                max_overflow=0,
                pool_check_after_idle=0,
                application_name=NAME,
            )
        )
        self.stats = self._database.stats
        self.close = self._database.close

    async def work(self) -> None:
        await self._database.open()
        async with self._database.reader() as reader:
            await reader.exec(select(1))
            await reader.exec(text("SELECT 2"))
            await asyncio.gather(reader.exec(select(3)), reader.exec(text("SELECT 4")))

    async def ask(self, number: int) -> Any:
        await self._database.open()
        async with self._database.reader() as reader:
            return (await reader.exec(select(number))).one()


Way = Natively | BySQLAlchemy | ByReaders
MakeWay = Callable[[], Way]


@pytest.fixture(params=[Natively, BySQLAlchemy, ByReaders])
async def make_way(
    request: pytest.FixtureRequest, driver: str, database_url: str, note: None
) -> AsyncIterator[MakeWay]:
    del note
    async with AsyncExitStack() as stack:

        def make() -> Way:
            way: Way = request.param(driver, database_url)
            stack.push_async_callback(way.close)
            return way

        yield make


async def assert_whole(way: Way, url: str, step: int) -> None:
    answers = await asyncio.gather(*(way.ask(number) for number in range(SIZE * 2)))
    assert answers == list(range(SIZE * 2)), step
    await assert_at_rest(way.stats, url, step)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("is_warm", [False, True], ids=["cold", "warm"])
async def test_the_pool_is_whole_wherever_a_caller_was_cancelled(
    is_warm: bool, make_way: MakeWay, database_url: str
) -> None:
    step, goes_on = 0, True
    while goes_on:
        step += 1
        way = make_way()
        if is_warm:
            await assert_whole(way, database_url, 0)
        goes_on = await was_cancelled(way.work(), step)
        await assert_whole(way, database_url, step)
        await way.close()
        await server_has(database_url, NAME, 0)

    assert step > 3


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_the_pool_is_whole_whenever_a_caller_was_cancelled(
    make_way: MakeWay, database_url: str
) -> None:
    """In any turn of the loop, also while its task could go on already."""
    turns, has_ended, way = 0, False, make_way()
    while not has_ended and turns < 60:
        has_ended = await ended_before(way.work(), turns)
        await assert_whole(way, database_url, turns)
        turns += 1

    assert turns > 5
