"""The core: who gets which connection and when, on a real server."""

import asyncio
import re
from typing import Any

import asyncpg
import pytest

from tests.pool.conftest import MakePool
from tests.staging.patience import SECONDS, until
from wellhead import (
    AuthenticationError,
    DriverPool,
    Fault,
    PoolSaturated,
    PoolTimeout,
    UnreachableError,
    classify,
)
from wellhead.testing.proxy import TCPProxy

Pool = DriverPool[Any]


async def settle() -> None:
    """Let everybody run who can run without the network."""
    for _ in range(5):
        await asyncio.sleep(0)


async def reaches(pool: Pool, **figures: int) -> None:
    """Return once the pool has these figures."""
    await until(
        lambda: all(getattr(pool.stats(), name) == value for name, value in figures.items())
    )


class Caller:
    """Takes a connection, tells in which order it got it, and holds it until told to stop."""

    def __init__(self, pool: Pool, name: str, order: list[str], **how: Any) -> None:
        self._pool, self._name, self._order, self._how = pool, name, order, how
        self.may_end = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with self._pool.acquire(**self._how):
            self._order.append(self._name)
            await self.may_end.wait()

    async def end(self) -> None:
        self.may_end.set()
        await self.task


# 1. Fair.


async def test_waiters_are_served_in_the_order_in_which_they_came(make_pool: MakePool) -> None:
    order: list[str] = []
    pool = make_pool(pool_size=1, max_overflow=0)
    callers = []
    for name in "abcde":
        callers.append(Caller(pool, name, order))
        await settle()
    for caller in callers:
        await caller.end()

    assert "".join(order) == "abcde"


async def test_a_newcomer_does_not_overtake_whoever_waits(make_pool: MakePool) -> None:
    order: list[str] = []
    pool = make_pool(pool_size=1, max_overflow=0)
    async with pool.acquire():
        waiting = Caller(pool, "waiting", order)
        await settle()
    # The connection was returned, and no other task has run since.
    newcomer = Caller(pool, "newcomer", order)
    await waiting.end()
    await newcomer.end()

    assert order == ["waiting", "newcomer"]


async def test_a_connection_goes_from_hand_to_hand_without_lying_idle(make_pool: MakePool) -> None:
    order: list[str] = []
    pool = make_pool(pool_size=1, max_overflow=0)
    async with pool.acquire():
        waiting = Caller(pool, "waiting", order)
        await settle()
    at_once = pool.stats()
    await waiting.end()

    assert (at_once.idle, at_once.active, at_once.waiting) == (0, 1, 0)


async def test_a_waiter_that_is_cancelled_costs_nobody_anything(make_pool: MakePool) -> None:
    order: list[str] = []
    pool = make_pool(pool_size=1, max_overflow=0)
    async with pool.acquire():
        first, gone, last = (Caller(pool, name, order) for name in ("first", "gone", "last"))
        await settle()
        gone.task.cancel()
        await settle()
        waiting = pool.stats().waiting
    await first.end()
    await last.end()

    assert waiting == 2
    assert order == ["first", "last"]
    assert (pool.stats().idle, pool.stats().active) == (1, 0)


async def test_whoever_is_cancelled_with_the_connection_on_its_way_passes_it_on(
    make_pool: MakePool,
) -> None:
    order: list[str] = []
    pool = make_pool(pool_size=1, max_overflow=0)
    async with pool.acquire():
        gone, last = Caller(pool, "gone", order), Caller(pool, "last", order)
        await settle()
    # Its future has the connection already; its task has not run yet.
    gone.task.cancel()
    await last.end()

    assert order == ["last"]
    assert pool.stats().total == 1


async def test_a_newcomer_gets_what_came_back_while_the_last_waiter_was_being_cancelled(
    make_pool: MakePool,
) -> None:
    order: list[str] = []
    pool = make_pool(pool_size=1, max_overflow=0)
    async with pool.acquire():
        gone = Caller(pool, "gone", order)
        await settle()
        gone.task.cancel()
    await asyncio.wait_for(Caller(pool, "newcomer", order).end(), SECONDS)

    assert order == ["newcomer"]


# 2. Bounded.


async def test_a_storm_never_opens_more_than_the_limit(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    pool = make_pool(pool_size=2, max_overflow=3)
    most = 0

    async def work() -> None:
        nonlocal most
        async with pool.acquire() as connection:
            await connection.fetchval("SELECT 1")
            stats = pool.stats()
            most = max(most, stats.total + stats.opening + stats.closing)

    await asyncio.gather(*(work() for _ in range(60)))

    assert most == 5
    assert pool.stats().opened == proxy.connections


async def test_one_caller_too_many_is_refused_at_once(make_pool: MakePool) -> None:
    order: list[str] = []
    pool = make_pool(pool_size=1, max_overflow=0, max_waiting=2, name="shop")
    async with pool.acquire():
        waiting = [Caller(pool, name, order) for name in "ab"]
        await settle()
        with pytest.raises(PoolSaturated, match=r"'shop' is full and 2 callers wait") as caught:
            async with pool.acquire():
                pass
    for caller in waiting:
        await caller.end()
    meaning = classify(caught.value)

    assert (meaning.fault, meaning.http_status) == (Fault.SATURATED, 503)
    assert meaning.retry_after is not None
    assert pool.stats().saturated == 1


async def test_those_for_whom_there_is_a_connection_do_not_count_as_waiting(
    make_pool: MakePool,
) -> None:
    pool = make_pool(pool_size=3, max_overflow=0, max_waiting=0, check_after_idle=0)

    async def work() -> None:
        async with pool.acquire():
            await asyncio.sleep(0)

    await asyncio.gather(work(), work(), work())
    await asyncio.gather(work(), work(), work())

    assert pool.stats().saturated == 0


async def test_a_pool_without_a_limit_is_never_full(make_pool: MakePool) -> None:
    pool = make_pool(pool_size=0, max_overflow=0, max_waiting=0)
    async with pool.acquire():
        stats = pool.stats()
        async with pool.acquire():
            pass

    assert not stats.is_full


async def test_a_caller_that_is_being_cancelled_does_not_make_the_pool_full(
    make_pool: MakePool,
) -> None:
    order: list[str] = []
    pool = make_pool(pool_size=1, max_overflow=0, max_waiting=1)
    async with pool.acquire():
        gone = Caller(pool, "gone", order)
        await settle()
        before = pool.stats()
        gone.task.cancel()
        # Its task has not run since.
        after = pool.stats()
        last = Caller(pool, "last", order)
        await settle()
    await last.end()

    assert (before.is_full, after.is_full) == (True, False)
    assert order == ["last"]


# 3. Honest deadlines.


async def test_a_caller_that_waited_in_vain_learns_who_holds_the_connections(
    make_pool: MakePool,
) -> None:
    pool = make_pool(pool_size=1, max_overflow=0, name="shop")
    async with pool.acquire():
        with pytest.raises(PoolTimeout) as caught:
            async with pool.acquire(timeout=0.05):
                pass

    said = caught.value.args[0]
    assert re.search(r"The pool 'shop' had no connection within \d+ ms", said)
    assert "(total 1, active 1, idle 0, waiting 1, opening 0, limit 1)" in said
    assert "by test_a_caller_that_waited_in_vain_learns_who_holds_the_connections" in said
    assert caught.value.__cause__ is None
    assert pool.stats().timeouts == 1


async def test_the_deadline_holds_while_a_connection_is_being_made(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    proxy.stall()
    pool = make_pool(timeout=0.1, connect_timeout=60)
    with pytest.raises(PoolTimeout, match="opening 1"):
        async with pool.acquire():
            pass


async def test_each_waiter_has_its_own_deadline(make_pool: MakePool) -> None:
    pool = make_pool(pool_size=1, max_overflow=0, timeout=60)
    order: list[str] = []

    async def give_up() -> None:
        with pytest.raises(PoolTimeout):
            async with pool.acquire(timeout=0.1):
                pass

    async with pool.acquire():
        first = Caller(pool, "first", order)
        await settle()
        in_a_hurry = asyncio.create_task(give_up())
        await settle()
        last = Caller(pool, "last", order, timeout=50)
        await in_a_hurry
        waiting = pool.stats().waiting
    await first.end()
    await last.end()

    assert waiting == 2
    assert order == ["first", "last"]


async def test_the_deadline_holds_while_a_connection_is_being_pinged(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    pool = make_pool(check_after_idle=0, connect_timeout=60)
    async with pool.acquire():
        pass
    proxy.stall()
    with pytest.raises(PoolTimeout):
        async with pool.acquire(timeout=0.1):
            pass


async def test_a_connection_that_does_not_answer_was_not_handed_out(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    pool = make_pool(check_after_idle=0, connect_timeout=60)
    async with pool.acquire():
        pass
    proxy.stall()
    asking = asyncio.create_task(pool.acquire(timeout=60).__aenter__())
    await asyncio.sleep(0.05)
    during = pool.stats()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert (during.active, during.acquired, pool.stats().acquired) == (1, 1, 1)


async def test_the_last_failure_to_connect_is_the_cause(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    await proxy.refuse()
    pool = make_pool(timeout=1.5)
    with pytest.raises(PoolTimeout, match="The last attempt to connect failed") as caught:
        async with pool.acquire():
            pass

    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert classify(caught.value).fault is Fault.UNREACHABLE


async def test_a_failure_that_waiting_cannot_mend_is_raised_at_once() -> None:
    async def connect() -> Any:
        raise AuthenticationError("no")

    async with DriverPool(connect) as pool:
        with pytest.raises(AuthenticationError):
            async with pool.acquire():
                pass

        assert pool.stats().waiting == 0


# 4. A failed connect wakes the next waiter.


async def test_a_failed_connect_does_not_leave_the_others_waiting(
    make_pool: MakePool, proxied_url: str
) -> None:
    attempts = 0

    async def connect() -> Any:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise AuthenticationError("only the first")
        return await asyncpg.connect(proxied_url)

    order: list[str] = []

    pool = make_pool(pool_size=1, max_overflow=0, connect=connect)
    first, second = Caller(pool, "first", order), Caller(pool, "second", order)
    with pytest.raises(AuthenticationError):
        await first.task
    await second.end()

    assert order == ["second"]
    assert attempts == 2


async def test_while_the_database_is_away_one_attempt_at_a_time_is_made(
    make_pool: MakePool, proxied_url: str
) -> None:
    at_once, most, is_away = 0, 0, True

    async def connect() -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        if is_away:
            raise UnreachableError("away")
        return await asyncpg.connect(proxied_url)

    order: list[str] = []

    pool = make_pool(pool_size=5, max_overflow=0, connect=connect)
    callers = [Caller(pool, str(number), order) for number in range(20)]
    await until(lambda: pool.stats().failed_connects >= 5)
    most = 0
    failed = pool.stats().failed_connects
    await until(lambda: pool.stats().failed_connects >= failed + 3)
    probing = most
    is_away = False
    for caller in callers:
        caller.may_end.set()
    await asyncio.gather(*(caller.task for caller in callers))

    assert probing == 1
    assert len(order) == 20


async def test_everybody_is_served_when_the_database_is_back(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    order: list[str] = []
    pool = make_pool(pool_size=2, max_overflow=0)
    await proxy.refuse()
    callers = [Caller(pool, str(number), order) for number in range(10)]
    await until(lambda: pool.stats().failed_connects >= 3)
    await proxy.accept()
    await asyncio.gather(*(caller.end() for caller in callers))

    assert len(order) == 10
    assert pool.stats().timeouts == 0


async def test_in_a_long_outage_callers_do_not_wait_their_whole_time(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    pool = make_pool(timeout=2)
    await proxy.refuse()
    with pytest.raises(PoolTimeout):
        async with pool.acquire():
            pass
    # The outage has lasted for longer than the timeout then, and is not yet forgotten.
    await asyncio.sleep(1)
    before = pool.stats().failed_connects
    with pytest.raises(PoolTimeout):
        async with pool.acquire(timeout=600):
            pass

    assert pool.stats().failed_connects == before + 1


# 5. Free health checks.


async def test_a_connection_that_the_server_closed_is_not_handed_out(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    pool = make_pool(check_after_idle=None)
    async with pool.acquire(), pool.acquire():
        pass
    await proxy.cut()
    await asyncio.sleep(0.05)
    async with pool.acquire() as connection:
        proxy.reset()
        answer = await connection.fetchval("SELECT 1")

    assert answer == 1
    assert pool.stats().total == 1
    assert pool.stats().closed["server"] == 2


async def test_a_failed_ping_drops_every_connection_of_its_age(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    pool = make_pool(check_after_idle=0, connect_timeout=2, timeout=4)
    held = pool.acquire()
    await held.__aenter__()
    async with pool.acquire(), pool.acquire():
        pass
    proxy.stall()
    with pytest.raises(PoolTimeout):
        async with pool.acquire():
            pass
    idle = pool.stats().idle
    proxy.resume()
    await held.__aexit__(None, None, None)

    assert idle == 0
    assert pool.stats().closed["check"] == 3
    assert pool.stats().total == 0


async def test_one_ping_after_idleness_and_none_before(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    trips = []
    for after in (0, 60):
        pool = make_pool(check_after_idle=after)
        async with pool.acquire():
            pass
        proxy.reset()
        async with pool.acquire():
            pass
        trips.append(proxy.round_trips)

    assert trips == [1, 0]


# 6. Ages gracefully.


async def test_a_connection_that_is_too_old_is_replaced_when_it_is_taken(
    make_pool: MakePool,
) -> None:
    pool = make_pool(recycle=1, lifetime_jitter=0)
    async with pool.acquire():
        pass
    await asyncio.sleep(1)
    async with pool.acquire():
        pass
    await reaches(pool, closing=0)

    assert pool.stats().closed["lifetime"] == 1
    assert pool.stats().opened == 2


async def test_connections_beyond_the_minimum_are_closed_after_idleness(
    make_pool: MakePool,
) -> None:
    pool = make_pool(pool_size=4, min_idle=1, idle_timeout=0.05)
    async with pool.acquire(), pool.acquire(), pool.acquire():
        pass
    await reaches(pool, total=1, closing=0)
    await asyncio.sleep(0.1)

    assert pool.stats().total == 1
    assert pool.stats().closed["idle"] == 2


async def test_the_pool_warms_up_behind_the_first_caller_and_after_a_loss(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    pool = make_pool(pool_size=4, min_idle=3)
    async with pool.acquire():
        pass
    await reaches(pool, idle=3)
    await proxy.cut()
    await asyncio.sleep(0.05)
    async with pool.acquire():
        pass
    await reaches(pool, idle=3)

    assert pool.stats().opened == 6


async def test_an_idle_pool_sends_nothing(make_pool: MakePool, proxy: TCPProxy) -> None:
    pool = make_pool(pool_size=4, min_idle=3, recycle=60, check_after_idle=0, idle_timeout=0.05)
    async with pool.acquire():
        pass
    await reaches(pool, idle=3, opening=0)
    proxy.reset()
    await asyncio.sleep(0.3)

    assert proxy.bytes_to_server == 0
    assert proxy.connections == 0


# 7. Cancel-safe: see also test_cancelling.


async def test_a_connection_whose_block_was_cancelled_is_not_used_again(
    make_pool: MakePool,
) -> None:
    pool = make_pool(pool_size=1, max_overflow=0)
    started = asyncio.Event()

    async def work() -> None:
        async with pool.acquire() as connection:
            started.set()
            await connection.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(work())
    await started.wait()
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with pool.acquire() as connection:
        answer = await connection.fetchval("SELECT 2")

    assert answer == 2
    assert pool.stats().closed["invalidated"] == 1


async def test_a_connection_that_comes_back_in_a_transaction_is_not_used_again(
    make_pool: MakePool,
) -> None:
    pool = make_pool(pool_size=1, max_overflow=0)
    async with pool.acquire() as connection:
        await connection.execute("BEGIN")
    async with pool.acquire() as connection:
        in_transaction = connection.is_in_transaction()

    assert not in_transaction
    assert pool.stats().opened == 2


# The figures.


async def test_the_figures_say_what_happened(make_pool: MakePool) -> None:
    pool = make_pool(pool_size=1, max_overflow=1)
    async with pool.acquire(), pool.acquire():
        busy = pool.stats()
    await reaches(pool, closing=0)
    stats = pool.stats()

    assert (busy.active, busy.idle, busy.total, busy.overflow) == (2, 0, 2, 1)
    assert (stats.active, stats.idle, stats.total) == (0, 1, 1)
    assert (stats.acquired, stats.opened, stats.closed["overflow"]) == (2, 2, 1)
    assert (stats.wait.count, stats.hold.count, stats.connect.count) == (2, 2, 2)


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
        await until(lambda: proxy.connections == 2)
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
