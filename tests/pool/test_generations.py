"""Connections of one generation are retired together, and no caller waits forever."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.pool.conftest import MakePool
from tests.staging.patience import until
from wellhead import PoolPolicy
from wellhead.pool import Close
from wellhead.pool.core import Core
from wellhead.pool.driver_pool import DriverLink
from wellhead.testing.proxy import TCPProxy


@pytest.fixture
async def core(proxied_url: str) -> AsyncIterator[Core[Any]]:
    link = DriverLink(lambda: asyncpg.connect(proxied_url))
    policy = PoolPolicy(pool_size=2, max_overflow=0, check_after_idle=0, timeout=20)
    core: Core[Any] = Core(link, policy, name="test")
    yield core
    await core.close()


async def test_one_connection_that_the_server_closed_takes_the_others_along(
    make_pool: MakePool, database_url: str
) -> None:
    pool = make_pool(check_after_idle=None, use_lifo=True)
    async with pool.acquire(), pool.acquire(), pool.acquire():
        pass
    async with pool.acquire() as connection:
        pid = connection.get_server_pid()
    admin = await asyncpg.connect(database_url)
    await admin.execute("SELECT pg_terminate_backend($1)", pid)
    await admin.close()
    await until(connection.is_closed)
    async with pool.acquire():
        pass

    assert pool.stats().closed["server"] == 3
    assert pool.stats().total == 1


async def test_whoever_pinged_a_retired_connection_takes_the_one_that_is_free(
    core: Core[Any], proxy: TCPProxy
) -> None:
    first, second = await core.acquire(), await core.acquire()
    core.release(first)
    proxy.reset()
    proxy.delay(0.5)
    pinging = asyncio.create_task(core.acquire())
    await until(lambda: proxy.bytes_to_server > 0)
    proxy.delay(0)
    core.retire(Close.INVALIDATED)
    core.release(second)
    third = await core.acquire()
    core.release(third)
    had = await pinging
    core.release(had)

    assert had is third
    assert core.tally.opened == 3


async def test_whoever_counts_on_an_attempt_that_fails_is_not_forgotten(
    proxied_url: str,
) -> None:
    attempts, may_fail = 0, asyncio.Event()

    async def connect() -> Any:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            await may_fail.wait()
            raise ConnectionRefusedError
        return await asyncpg.connect(proxied_url)

    core: Core[Any] = Core(DriverLink(connect), PoolPolicy(timeout=20), name="test")
    opening = asyncio.create_task(core.open_one())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(core.acquire())
    await asyncio.sleep(0)
    may_fail.set()
    with pytest.raises(ConnectionRefusedError):
        await opening
    core.release(await waiting)
    await core.close()

    assert core.tally.timeouts == 0
    assert attempts == 2


async def test_whoever_counts_on_an_attempt_that_is_cancelled_is_not_forgotten(
    core: Core[Any], proxy: TCPProxy
) -> None:
    proxy.stall()
    opening = asyncio.create_task(core.open_one())
    await until(lambda: proxy.connections == 1)
    waiting = asyncio.create_task(core.acquire())
    await asyncio.sleep(0)
    opening.cancel()
    proxy.resume()
    core.release(await waiting)

    assert core.tally.timeouts == 0
    assert core.stats(reason="test").opening == 0
