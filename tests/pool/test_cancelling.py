"""Cancelled at every point where it waits, a caller leaves the pool whole."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.pool.conftest import MakeEngine, MakePool, eventually
from wellhead import AsyncPool, DriverPool, PoolStats

SIZE = 2


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
            except BaseException as error:  # noqa: BLE001 - it goes to whoever waits
                failure = error


async def was_cancelled(work: Awaitable[Any], step: int) -> bool:
    """Whether the work waited so many times, and so was cancelled."""

    async def run() -> None:
        await CancelAt(work, step)

    (result,) = await asyncio.gather(asyncio.create_task(run()), return_exceptions=True)
    assert result is None or isinstance(result, asyncio.CancelledError), result
    return result is not None


async def work_natively(pool: DriverPool[Any]) -> None:
    async with pool.acquire() as connection:
        async with connection.transaction():
            await connection.execute("INSERT INTO note VALUES (1)")
        await connection.fetchval("SELECT 1")


async def assert_whole_natively(pool: DriverPool[Any], step: int) -> None:
    async def ask(number: int) -> Any:
        async with pool.acquire(timeout=10) as connection:
            assert not connection.is_in_transaction()
            return await connection.fetchval("SELECT $1::int", number)

    answers = await asyncio.gather(*(ask(number) for number in range(SIZE * 2)))
    assert answers == list(range(SIZE * 2)), step
    await assert_at_rest(pool.stats, step)


async def assert_at_rest(read: Callable[[], PoolStats], step: int) -> None:
    # What was being opened for whoever was cancelled may arrive a little later.
    await eventually(lambda: not read().opening and not read().closing)
    stats = read()
    assert (stats.active, stats.waiting) == (0, 0), step
    assert 1 <= stats.total <= SIZE, step


@pytest.mark.parametrize("is_warm", [False, True], ids=["cold", "warm"])
async def test_the_drivers_pool_is_whole_wherever_a_caller_was_cancelled(
    is_warm: bool, make_pool: MakePool
) -> None:
    first = make_pool()
    async with first.acquire() as connection:
        await connection.execute("CREATE TABLE note (id int)")
    step, goes_on = 0, True
    while goes_on:
        step += 1
        pool = make_pool(pool_size=SIZE, max_overflow=0, check_after_idle=0)
        if is_warm:
            await assert_whole_natively(pool, 0)
        goes_on = await was_cancelled(work_natively(pool), step)
        await assert_whole_natively(pool, step)
        await pool.close()

    assert step > 3


async def work(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO note VALUES (1)"))
    async with engine.connect() as connection:
        await connection.execute(text("SELECT count(*) FROM note"))


async def assert_whole(engine: AsyncEngine, step: int) -> None:
    async def ask(number: int) -> Any:
        async with engine.connect() as connection:
            return await connection.scalar(text(f"SELECT {number}"))

    answers = await asyncio.gather(*(ask(number) for number in range(SIZE * 2)))
    pool = engine.sync_engine.pool
    assert isinstance(pool, AsyncPool)
    assert answers == list(range(SIZE * 2)), step
    await assert_at_rest(pool.stats, step)


@pytest.mark.parametrize("is_warm", [False, True], ids=["cold", "warm"])
async def test_sqlalchemys_pool_is_whole_wherever_a_caller_was_cancelled(
    is_warm: bool, make_engine: MakeEngine
) -> None:
    async with make_engine().begin() as connection:
        await connection.execute(text("CREATE TABLE note (id int)"))
    step, goes_on = 0, True
    while goes_on:
        step += 1
        engine = make_engine(pool_size=SIZE, max_overflow=0, check_after_idle=0, pool_timeout=10)
        if is_warm:
            await assert_whole(engine, 0)
        goes_on = await was_cancelled(work(engine), step)
        await assert_whole(engine, step)
        await engine.dispose()

    assert step > 5
