"""From the core to its figures."""

import asyncio

import pytest

from tests.pool.conftest import MakePool, eventually
from tests.staging.proxy import TCPProxy
from wellhead import PoolSaturated, PoolTimeout


async def test_what_goes_on_at_this_moment_is_in_the_snapshot(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    pool = make_pool(pool_size=1, max_overflow=1, max_waiting=1)

    async def use() -> None:
        async with pool.acquire():
            pass

    async with pool.acquire():
        proxy.stall()
        waiting = [asyncio.create_task(use()) for _ in range(2)]
        await eventually(lambda: proxy.connections == 2)
        stats = pool.stats()
        with pytest.raises(PoolSaturated):
            await use()
        waiting[0].cancel()
        await asyncio.sleep(0)
        with pytest.raises(PoolTimeout):
            async with pool.acquire(timeout=0.02):
                pass
        proxy.resume()
        await waiting[1]
    after = pool.stats()

    assert (stats.active, stats.idle, stats.opening, stats.waiting) == (1, 0, 1, 2)
    assert (stats.mode, stats.pool_size, stats.max_overflow, stats.max_waiting) == ("pool", 1, 1, 1)
    assert (after.saturated, after.timeouts) == (1, 1)
    assert (after.waiting, after.opening) == (0, 0)


async def test_without_a_size_there_is_no_overflow(make_pool: MakePool) -> None:
    pool = make_pool(pool_size=0)
    async with pool.acquire(), pool.acquire():
        stats = pool.stats()

    assert (stats.overflow, stats.utilization, stats.active) == (0, 0.0, 2)
