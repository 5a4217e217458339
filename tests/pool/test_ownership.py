"""One event loop, one process: every other hears what is wrong instead of hanging."""

import asyncio
import gc
import os

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from wellhead import AsyncPool, DriverPool, Fault, PoolMisuseError, classify


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_second_event_loop_is_told_at_once(database_url: str) -> None:
    engine = create_async_engine(
        database_url.replace("postgresql://", "postgresql+asyncpg://"), poolclass=AsyncPool
    )

    async def ask() -> object:
        async with engine.connect() as connection:
            return await connection.scalar(text("SELECT 1"))

    async def dispose_and_ask() -> object:
        await engine.dispose()
        answer = await ask()
        await engine.dispose()
        return answer

    first = asyncio.run(ask())
    with pytest.raises(PoolMisuseError, match="another event loop") as caught:
        asyncio.run(ask())
    after = asyncio.run(dispose_and_ask())
    # The first loop took its connection along when it ended.
    gc.collect()

    assert (first, after) == (1, 1)
    assert classify(caught.value).fault is Fault.PROGRAMMING


async def test_a_pool_cannot_be_used_from_a_thread_with_a_loop_of_its_own(
    database_url: str,
) -> None:
    async def use() -> None:
        async with pool.acquire():
            pass

    async with DriverPool(lambda: asyncpg.connect(database_url)) as pool:
        await use()
        with pytest.raises(PoolMisuseError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, use())


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
async def test_a_forked_process_is_told_and_leaves_the_parents_connections_alone(
    database_url: str,
) -> None:
    engine = create_async_engine(
        database_url.replace("postgresql://", "postgresql+asyncpg://"), poolclass=AsyncPool
    )
    async with engine.connect() as connection:
        await connection.scalar(text("SELECT 1"))
    pool = engine.sync_engine.pool
    child = os.fork()
    if child == 0:
        said = 1
        try:
            pool.connect()
        except PoolMisuseError as error:
            said = 0 if "forked" in str(error) else 2
        finally:
            pool.dispose()
            os._exit(said)
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    async with engine.connect() as connection:
        answer = await connection.scalar(text("SELECT 1"))
    opened = pool.stats().opened if isinstance(pool, AsyncPool) else 0
    await engine.dispose()

    assert os.waitstatus_to_exitcode(status) == 0
    assert (answer, opened) == (1, 1)


def test_outside_an_event_loop_it_says_so(database_url: str) -> None:
    engine = create_async_engine(
        database_url.replace("postgresql://", "postgresql+asyncpg://"), poolclass=AsyncPool
    )

    with pytest.raises(PoolMisuseError, match="outside an event loop"):
        engine.sync_engine.pool.connect()
