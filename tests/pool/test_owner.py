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
    with pytest.raises(PoolMisuseError, match="a different event loop") as caught:
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
        with pytest.raises(PoolMisuseError, match="a different event loop"):
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


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_is_told_though_it_goes_on_with_the_same_loop(database_url: str) -> None:
    async def ask() -> object:
        async with pool.acquire() as connection:
            return await connection.fetchval("SELECT 1")

    pool = DriverPool(lambda: asyncpg.connect(database_url))
    with asyncio.Runner() as runner:
        first = runner.run(ask())
        child = os.fork()
        if child == 0:
            said = 1
            try:
                runner.get_loop().run_until_complete(ask())
            except PoolMisuseError as error:
                said = 0 if "forked" in str(error) else 2
            finally:
                os._exit(said)
        _, status = os.waitpid(child, 0)
        second = runner.run(ask())
        opened = pool.stats().opened
        runner.run(pool.close())

    assert os.waitstatus_to_exitcode(status) == 0
    assert (first, second, opened) == (1, 1, 1)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_a_forked_process_can_begin_anew(database_url: str) -> None:
    engine = create_async_engine(
        database_url.replace("postgresql://", "postgresql+asyncpg://"), poolclass=AsyncPool
    )

    async def ask() -> object:
        async with engine.connect() as connection:
            return await connection.scalar(text("SELECT pg_backend_pid()"))

    async def begin_anew() -> object:
        await engine.dispose(close=False)
        # What the child has forgotten, asyncpg ends where it is found.
        gc.collect()
        answer = await ask()
        await engine.dispose()
        return answer

    parents = await ask()
    child = os.fork()
    if child == 0:
        said = 1
        try:
            asyncio.set_event_loop(None)
            childs = asyncio.new_event_loop().run_until_complete(begin_anew())
            said = 0 if childs != parents else 2
        finally:
            os._exit(said)
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    async with asyncio.timeout(60):
        afterwards = await ask()
    await engine.dispose()

    assert os.waitstatus_to_exitcode(status) == 0
    assert afterwards == parents


def test_outside_an_event_loop_it_says_so(database_url: str) -> None:
    engine = create_async_engine(
        database_url.replace("postgresql://", "postgresql+asyncpg://"), poolclass=AsyncPool
    )

    with pytest.raises(PoolMisuseError, match="outside an event loop"):
        engine.sync_engine.pool.connect()
