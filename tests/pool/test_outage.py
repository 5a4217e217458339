"""An outage: which callers wait, which fail at once, and how often an attempt is made."""

import asyncio
import logging
from typing import Any

import asyncpg
import pytest

from tests.pool.conftest import MakeEngine, MakePool
from tests.staging.patience import until
from wellhead import (
    AsyncPool,
    AuthenticationError,
    PoolTimeout,
    TooManyConnectionsError,
    UnreachableError,
)
from wellhead.pool.outage import FIRST_PAUSE, LONGEST_PAUSE, Outage, will_pass
from wellhead.testing.proxy import TCPProxy

AWAY = UnreachableError("away")


def test_what_passes_by_itself_is_tried_again_and_a_refused_password_is_not() -> None:
    assert will_pass(AWAY)
    assert will_pass(ConnectionRefusedError())
    assert not will_pass(AuthenticationError("no"))
    assert not will_pass(ValueError("a listener's own"))


def test_pauses_grow_to_a_limit_and_differ() -> None:
    firsts, lasts = set(), set()
    for _ in range(50):
        outage = Outage("shop", memory=30)
        outage.begin_or_go_on(AWAY, 100.0)
        firsts.add(outage.not_before - 100)
        for _ in range(10):
            outage.begin_or_go_on(AWAY, 100.0)
        lasts.add(outage.not_before - 100)

    assert len(firsts) > 1
    assert len(lasts) > 1
    assert FIRST_PAUSE / 2 <= min(firsts) <= max(firsts) <= FIRST_PAUSE
    assert LONGEST_PAUSE / 2 <= min(lasts) <= max(lasts) <= LONGEST_PAUSE


def test_an_outage_of_which_nothing_was_heard_for_long_is_forgotten() -> None:
    outage = Outage("shop", memory=30)
    outage.begin_or_go_on(AWAY, 100.0)
    outage.begin_or_go_on(AWAY, 125.0)
    still = outage.lasts(20, 130.0)
    forgotten = outage.lasts(20, 160.0)
    outage.begin_or_go_on(AWAY, 160.0)
    begun_anew = outage.lasts(20, 161.0)

    assert (still, forgotten, begun_anew) == (True, False, False)


def test_beginning_and_end_are_said_once(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage("shop", memory=30)
    with caplog.at_level(logging.INFO, logger="wellhead"):
        outage.end(99.0)
        for now in (100.0, 100.1, 100.2):
            outage.begin_or_go_on(AWAY, now)
        outage.end(103.0)
        outage.end(104.0)
    events = [getattr(record, "event", None) for record in caplog.records]

    assert events == ["pool_outage", "pool_recovered"]
    assert "connected again after 3.0 s" in caplog.messages[1]


async def test_at_a_full_server_a_caller_waits_for_those_who_hold_connections(
    make_pool: MakePool, proxied_url: str
) -> None:
    made = 0

    async def connect() -> Any:
        nonlocal made
        if made == 1:
            raise TooManyConnectionsError("full")
        made += 1
        return await asyncpg.connect(proxied_url)

    pool = make_pool(pool_size=5, max_overflow=0, timeout=1.5, connect=connect)
    async with pool.acquire():
        with pytest.raises(PoolTimeout):
            async with pool.acquire():
                pass
        failed = pool.stats().failed_connects

        async def wait() -> None:
            async with pool.acquire(timeout=20):
                pass

        # The outage has lasted for longer than a caller waits.
        waiting = asyncio.create_task(wait())
        await until(lambda: pool.stats().failed_connects > failed)
    await waiting

    assert pool.stats().opened == 1


async def test_fifty_waiters_send_one_attempt_at_a_time(
    make_engine: MakeEngine, proxy: TCPProxy
) -> None:
    engine = make_engine(pool_size=5, max_overflow=0, pool_timeout=60, connect_timeout=0.25)
    pool = engine.sync_engine.pool
    assert isinstance(pool, AsyncPool)

    async def use() -> None:
        async with engine.connect():
            pass

    # The server hangs up on each attempt: the proxy sees them all.
    proxy.stall()
    waiters = [asyncio.create_task(use()) for _ in range(50)]
    await until(lambda: pool.stats().failed_connects >= 3 and not pool.stats().opening)
    proxy.reset()
    failed = pool.stats().failed_connects
    at_once = []
    while pool.stats().failed_connects < failed + 3:
        at_once.append(pool.stats().opening)
        await asyncio.sleep(0.002)
    waiting = pool.stats().waiting
    connections, attempts = proxy.connections, pool.stats().failed_connects - failed
    proxy.resume()
    await asyncio.gather(*waiters)

    assert waiting == 50
    assert max(at_once) == 1
    assert attempts <= connections <= attempts + 1
    assert pool.stats().timeouts == 0


async def test_nobody_knocks_while_nobody_waits(make_pool: MakePool, proxy: TCPProxy) -> None:
    pool = make_pool(pool_size=4, timeout=1.5)
    async with pool.acquire():
        pass
    await proxy.refuse()
    await proxy.cut()
    await asyncio.sleep(0.02)
    with pytest.raises(PoolTimeout):
        async with pool.acquire():
            pass
    await until(lambda: not pool.stats().opening)
    failed = pool.stats().failed_connects
    await asyncio.sleep(LONGEST_PAUSE * 2)

    assert pool.stats().failed_connects == failed


async def test_a_connection_that_is_not_made_in_time_is_tried_again(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    proxy.stall()
    pool = make_pool(connect_timeout=0.5, timeout=60)

    async def use() -> object:
        async with pool.acquire() as connection:
            return await connection.fetchval("SELECT 1")

    using = asyncio.create_task(use())
    await until(lambda: pool.stats().failed_connects >= 2)
    proxy.resume()

    assert await using == 1
