"""The pool of a driver's own connections, with both drivers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg.rows import dict_row

from tests.pool.conftest import Driver, MakePool, ask, connector
from tests.staging.patience import until
from wellhead import DriverPool, PoolMisuseError, PoolPolicy, PoolTimeout
from wellhead.pool.driver_pool import DriverLink
from wellhead.testing.proxy import TCPProxy


@pytest.fixture
async def make_pool(driver: Driver, proxied_url: str) -> AsyncIterator[MakePool]:
    async with AsyncExitStack() as stack:

        def make(**knobs: Any) -> DriverPool[Any]:
            pool: DriverPool[Any] = DriverPool(
                connector(driver, proxied_url), PoolPolicy(**knobs), reset=False
            )
            stack.push_async_callback(pool.close)
            return pool

        yield make


async def test_a_connection_is_lent_and_lent_again(make_pool: MakePool, proxy: TCPProxy) -> None:
    pool = make_pool()
    async with pool.acquire() as first:
        answer = await ask(first)
        busy = pool.stats()
    async with pool.acquire() as second:
        again = await ask(second, "SELECT 2")
    stats = pool.stats()

    assert (answer, again) == (1, 2)
    assert second is first
    assert (busy.active, busy.idle) == (1, 0)
    assert (stats.active, stats.idle, stats.opened, stats.acquired) == (0, 1, 1, 2)
    assert proxy.connections == 1


async def test_taking_and_giving_back_sends_nothing(make_pool: MakePool, proxy: TCPProxy) -> None:
    pool = make_pool()
    async with pool.acquire():
        pass
    proxy.reset()
    for _ in range(10):
        async with pool.acquire():
            pass

    assert proxy.bytes_to_server == 0


async def test_what_sat_idle_is_pinged_in_one_round_trip(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    pool = make_pool(check_after_idle=0)
    async with pool.acquire() as connection:
        await ask(connection)
    proxy.reset()
    async with pool.acquire():
        pass

    assert proxy.round_trips == 1


async def test_a_ping_leaves_the_connection_as_it_was(proxied_url: str) -> None:
    async def connect() -> Any:
        return await psycopg.AsyncConnection.connect(proxied_url)

    async with DriverPool(connect, PoolPolicy(check_after_idle=0), reset=False) as pool:
        for _ in range(2):
            async with pool.acquire() as connection:
                kept = connection.autocommit
        status = connection.info.transaction_status

        assert (kept, status, pool.stats().opened) == (False, 0, 1)


async def test_a_connection_that_the_server_closed_fails_the_ping_and_takes_the_others_along(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    pool = make_pool(check_after_idle=0)
    async with pool.acquire(), pool.acquire(), pool.acquire():
        pass
    await proxy.cut()
    await asyncio.sleep(0.05)
    async with pool.acquire() as connection:
        answer = await ask(connection)
    stats = pool.stats()

    assert answer == 1
    assert (stats.total, stats.opened) == (1, 4)
    assert stats.closed["server"] + stats.closed["check"] == 3


async def test_a_connection_that_broke_in_use_is_not_lent_again(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    pool = make_pool(check_after_idle=None)

    async def break_it() -> None:
        async with pool.acquire() as connection:
            await proxy.cut()
            await ask(connection)

    with pytest.raises((OSError, asyncpg.InterfaceError, psycopg.OperationalError)):
        await break_it()
    async with pool.acquire() as connection:
        answer = await ask(connection)

    assert (answer, pool.stats().total, pool.stats().opened) == (1, 1, 2)


async def test_whoever_is_cancelled_in_a_statement_spoils_nothing(
    make_pool: MakePool,
) -> None:
    pool = make_pool(pool_size=1, max_overflow=0)
    started = asyncio.Event()

    async def work() -> None:
        async with pool.acquire() as connection:
            started.set()
            await ask(connection, "SELECT pg_sleep(60)")

    task = asyncio.create_task(work())
    await started.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with pool.acquire() as connection:
        answer = await ask(connection, "SELECT 2")

    assert answer == 2
    assert pool.stats().closed["invalidated"] == 1


async def test_a_transaction_left_open_reaches_nobody(make_pool: MakePool) -> None:
    pool = make_pool(pool_size=1, max_overflow=0)
    async with pool.acquire() as connection:
        await connection.execute("BEGIN")
        pid = await ask(connection, "SELECT pg_backend_pid()")
    async with pool.acquire() as connection:
        other = await ask(connection, "SELECT pg_backend_pid()")

    assert other != pid


SLOW = "SELECT pg_sleep(60)"


async def test_a_connection_whose_statement_still_runs_is_closed_and_the_statement_cancelled(
    make_pool: MakePool,
) -> None:
    pool = make_pool(pool_size=1, max_overflow=0)
    async with pool.acquire() as connection:
        pid = await ask(connection, "SELECT pg_backend_pid()")
        forgotten = asyncio.create_task(ask(connection, SLOW))
        await asyncio.sleep(0)
    async with pool.acquire() as connection:
        other = await ask(connection, "SELECT pg_backend_pid()")

        async def is_gone() -> bool:
            return pid not in await ask(connection, "SELECT array_agg(pid) FROM pg_stat_activity")

        await until(is_gone)
    await asyncio.wait({forgotten})

    assert other != pid
    assert forgotten.exception() is not None


async def test_a_statement_that_begins_after_the_block_is_not_lent_to_the_next(
    make_pool: MakePool,
) -> None:
    pool = make_pool(pool_size=1, max_overflow=0)
    async with pool.acquire() as connection:
        pid = await ask(connection, "SELECT pg_backend_pid()")
    too_late = asyncio.create_task(ask(connection, SLOW))
    await asyncio.sleep(0)
    async with pool.acquire() as connection:
        other = await ask(connection, "SELECT pg_backend_pid()")
    await asyncio.wait({too_late})

    assert other != pid


async def test_what_a_block_sets_is_taken_back_unless_that_is_not_wanted(
    driver: Driver, proxied_url: str
) -> None:
    found = {}
    for reset in (True, False):
        connect = connector(driver, proxied_url)
        async with DriverPool(connect, PoolPolicy(pool_size=1), reset=reset) as pool:
            async with pool.acquire() as connection:
                await connection.execute("SET application_name = 'left'")
            async with pool.acquire() as connection:
                found[reset] = await ask(connection, "SHOW application_name")

    assert (found[True] != "left", found[False]) == (True, "left")


async def test_what_a_block_changed_about_psycopgs_connection_is_put_back(
    proxied_url: str,
) -> None:
    connect = connector("psycopg", proxied_url)
    async with DriverPool(connect, PoolPolicy(pool_size=1, max_overflow=0)) as pool:
        async with pool.acquire() as connection:
            connection.row_factory = dict_row
            connection.prepare_threshold = None
            await connection.set_autocommit(False)
            await connection.set_isolation_level(psycopg.IsolationLevel.SERIALIZABLE)
            await connection.set_read_only(True)
        async with pool.acquire() as after:
            row = await (await after.execute("SELECT 1")).fetchone()

        assert after is connection
        assert (row, after.prepare_threshold) == ((1,), 5)
        assert (after.autocommit, after.isolation_level, after.read_only) == (True, None, None)


async def test_a_caller_in_a_hurry_does_not_cost_the_others_their_connections(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    pool = make_pool(check_after_idle=0, pool_size=3)
    async with pool.acquire(), pool.acquire(), pool.acquire():
        pass
    proxy.delay(0.3)
    with pytest.raises(PoolTimeout):
        async with pool.acquire(timeout=0.02):
            pass
    proxy.delay(0)

    assert pool.stats().idle == 2
    assert pool.stats().closed["check"] == 1


async def test_a_connection_of_no_age_at_all_is_used_once(make_pool: MakePool) -> None:
    pool = make_pool(recycle=0)
    for _ in range(3):
        async with pool.acquire() as connection:
            await ask(connection)
    await until(lambda: not pool.stats().closing)

    assert (pool.stats().opened, pool.stats().total) == (3, 0)


async def test_one_acquire_is_good_for_one_block_at_a_time(make_pool: MakePool) -> None:
    pool = make_pool()
    borrowed = pool.acquire()
    async with borrowed:
        with pytest.raises(PoolMisuseError, match="entered twice"):
            async with borrowed:
                pass
        active = pool.stats().active
    async with borrowed:
        pass

    assert (active, pool.stats().active, pool.stats().idle) == (1, 0, 2)


async def test_closing_closes_what_is_free_at_once_and_what_is_held_on_return(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    pool = make_pool()
    async with pool.acquire() as connection:
        async with pool.acquire():
            pass
        await pool.close()
        await until(lambda: proxy.open_connections == 1)
        answer = await ask(connection)
    await until(lambda: proxy.open_connections == 0)

    assert answer == 1
    assert pool.stats().closed["disposed"] == 2


async def test_whoever_waits_while_the_pool_closes_is_served_all_the_same(
    make_pool: MakePool,
) -> None:
    pool = make_pool(pool_size=1, max_overflow=0)

    async def use() -> Any:
        async with pool.acquire() as connection:
            return await ask(connection)

    async with pool.acquire():
        waiting = asyncio.create_task(use())
        await asyncio.sleep(0)
        await pool.close()
    answer = await waiting
    await until(lambda: not pool.stats().closing)

    assert answer == 1
    assert pool.stats().total == 0


async def test_closing_while_a_connection_is_being_opened_leaves_nothing_behind(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    pool = make_pool()
    proxy.stall()
    with pytest.raises(PoolTimeout):
        async with pool.acquire(timeout=0.05):
            pass
    opening = pool.stats().opening
    await pool.close()
    proxy.resume()
    await until(lambda: proxy.open_connections == 0)
    stats = pool.stats()

    assert opening == 1
    assert (stats.opening, stats.closing, stats.total) == (0, 0, 0)
    assert [task for task in asyncio.all_tasks() if "Core" in str(task.get_coro())] == []


async def test_a_link_opens_in_time_or_raises(proxied_url: str, proxy: TCPProxy) -> None:
    link = DriverLink(lambda: asyncpg.connect(proxied_url))
    opened = await link.open(timeout=20)
    proxy.stall()
    with pytest.raises(TimeoutError):
        await link.open(timeout=0.1)
    proxy.resume()
    await link.close(opened)
    await asyncio.sleep(0)

    assert link.closed_check(opened)()
