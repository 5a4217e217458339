"""Anything may happen in any order: the pool on a real server, against a model of its promises.

The server's own counts are compared with after each step.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.pool.conftest import MakePool, server_has
from tests.staging.patience import until
from wellhead import (
    DriverPool,
    NotOpenError,
    PoolPolicy,
    PoolSaturated,
    PoolStats,
    UnreachableError,
)

pytestmark = pytest.mark.slow

SIZE, OVERFLOW, WAITING = 2, 1, 3
LIMIT = SIZE + OVERFLOW
MOST = LIMIT + 1


class Caller:
    """Takes a connection when its turn comes, and holds it until told to stop."""

    def __init__(self, pool: DriverPool[Any], served: list["Caller"]) -> None:
        self.connection: Any = None
        self._may_end = asyncio.Event()
        self._served = served
        self.task = asyncio.create_task(self._run(pool))

    async def _run(self, pool: DriverPool[Any]) -> None:
        async with pool.acquire(timeout=60) as connection:
            self._served.append(self)
            self.connection = connection
            await self._may_end.wait()
            self.connection = None

    async def end(self) -> None:
        self._may_end.set()
        await self.task


class PoolModel(RuleBasedStateMachine):
    """Callers come, go and give up; the server kills; the network fails."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self._size, self._overflow = SIZE, OVERFLOW
        self._url = self.url
        self._runner = asyncio.Runner()
        self._is_away = False
        self._at_once = 0
        self._callers: list[Caller] = []
        self._begin()
        self._admin: Any = self._run(asyncpg.connect(self._url))

    def _begin(self) -> None:
        self._served: list[Caller] = []
        self._asked: list[Caller] = []
        self._acquired = 0
        policy = PoolPolicy(
            pool_size=self._size,
            max_overflow=self._overflow,
            max_waiting=WAITING,
            check_after_idle=0,
        )
        self._pool: DriverPool[Any] = DriverPool(self._connect, policy, reset=False)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    async def _connect(self) -> Any:
        self._at_once += 1
        try:
            if self._is_away:
                raise UnreachableError("away")
            return await asyncpg.connect(self._url, server_settings={"application_name": "model"})
        finally:
            self._at_once -= 1

    @property
    def _stats(self) -> PoolStats:
        return self._pool.stats()

    @property
    def _limit(self) -> int:
        return self._size + self._overflow

    @property
    def _holding(self) -> list[Caller]:
        return [each for each in self._callers if each.connection is not None]

    @property
    def _queueing(self) -> list[Caller]:
        return [each for each in self._callers if each.connection is None]

    async def _settle(self, is_calm: Callable[[], bool]) -> None:
        await until(is_calm)

    def _is_calm(self) -> bool:
        stats = self._stats
        if stats.active != len(self._holding) or stats.waiting != len(self._queueing):
            return False  # A caller waits for a ping, or was served a moment ago.
        can_go_on = bool(self._queueing) and (stats.idle or stats.total < self._limit)
        return not stats.closing and (self._is_away or (not stats.opening and not can_go_on))

    @rule()
    def come(self) -> None:
        async def act() -> None:
            caller = Caller(self._pool, self._served)
            await asyncio.sleep(0)
            if caller.task.done():
                assert isinstance(caller.task.exception(), PoolSaturated)
                assert self._stats.waiting >= WAITING
                return
            self._callers.append(caller)
            self._asked.append(caller)
            await self._settle(self._is_calm)

        self._run(act())

    @precondition(lambda self: self._holding)
    @rule(which=st.integers(0, 9))
    def give_back(self, which: int) -> None:
        async def act() -> None:
            caller = self._holding[which % len(self._holding)]
            self._callers.remove(caller)
            await caller.end()
            await self._settle(self._is_calm)

        self._run(act())

    @precondition(lambda self: self._callers)
    @rule(which=st.integers(0, 9))
    def cancel(self, which: int) -> None:
        async def act() -> None:
            caller = self._callers.pop(which % len(self._callers))
            if caller not in self._served:
                self._asked.remove(caller)
            caller.task.cancel()
            await asyncio.wait([caller.task])
            await self._settle(self._is_calm)

        self._run(act())

    @precondition(lambda self: not self._is_away)
    @rule()
    def kill_all(self) -> None:
        async def act() -> None:
            await self._admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'model'"
            )
            await asyncio.sleep(0.02)
            await self._settle(self._is_calm)

        self._run(act())

    @rule(size=st.integers(1, SIZE + 1), overflow=st.integers(0, OVERFLOW))
    def resize(self, size: int, overflow: int) -> None:
        async def act() -> None:
            self._pool.resize(pool_size=size, max_overflow=overflow)
            self._size, self._overflow = size, overflow
            await self._settle(self._is_calm)
            # Free connections go at once, and those in use when they come back.
            assert self._stats.idle <= max(0, self._limit - len(self._holding))

        self._run(act())

    @rule()
    def retire_all(self) -> None:
        async def act() -> None:
            before, had = self._stats.opened, self._stats.idle
            self._pool.retire_all()
            assert self._stats.idle == 0
            await self._settle(self._is_calm)
            assert self._stats.idle <= self._stats.opened - before
            assert had <= self._stats.closed["invalidated"]

        self._run(act())

    @rule()
    def close_and_make_another(self) -> None:
        """Waiting callers are still served; a closed pool lends nothing more."""

        async def act() -> None:
            self._is_away = False
            closing = asyncio.create_task(self._pool.close(grace=60))
            await self._all_leave()
            await closing
            with pytest.raises(NotOpenError):
                async with self._pool.acquire():
                    pass
            assert (self._stats.total, self._stats.opening, self._stats.closing) == (0, 0, 0)
            self._begin()

        self._run(act())

    @rule()
    def go_away_or_come_back(self) -> None:
        self._is_away = not self._is_away
        self._run(self._settle(self._is_calm))

    @invariant()
    def the_limit_holds(self) -> None:
        stats = self._stats
        # Those in use when the pool was made smaller stay until they come back.
        most = max(self._limit, len(self._holding))
        assert stats.total + stats.opening + stats.closing <= most
        assert stats.waiting <= WAITING + max(0, MOST - stats.total)

    @invariant()
    def what_is_counted_as_opening_is_being_opened(self) -> None:
        # The loop may have stopped between a task's making and its first turn, as when the pool
        # tries again while the server is away. A slot that is lost would stay so.
        self._run(self._settle(lambda: self._stats.opening == self._at_once))

    @invariant()
    def nobody_shares_a_connection(self) -> None:
        held = [id(each.connection) for each in self._holding]
        assert len(held) == len(set(held)) == self._stats.active

    @invariant()
    def all_are_served_in_the_order_in_which_they_came(self) -> None:
        assert self._served == self._asked[: len(self._served)]

    @invariant()
    def the_figures_add_up(self) -> None:
        stats = self._stats
        assert stats.waiting == len(self._queueing)
        assert stats.opened - sum(stats.closed.values()) == stats.total + stats.closing
        assert stats.acquired - stats.hold.count == stats.active
        assert stats.acquired >= max(self._acquired, len(self._served))
        self._acquired = stats.acquired

    @invariant()
    def the_server_agrees(self) -> None:
        # It takes a moment to close a connection; the suite's time limit ends the waiting.
        self._run(server_has(self._url, "model", self._stats.total))

    def teardown(self) -> None:
        async def act() -> None:
            self._is_away = False
            await self._all_leave()
            answers = await asyncio.gather(*(self._ask(number) for number in range(LIMIT)))
            assert answers == list(range(LIMIT))
            await self._pool.close()
            stats = self._stats
            assert (stats.total, stats.opening, stats.closing, stats.waiting) == (0, 0, 0, 0)
            await server_has(self._url, "model", 0)
            await self._admin.close()

        self._run(act())
        self._runner.close()

    async def _all_leave(self) -> None:
        while self._callers:
            await self._settle(lambda: bool(self._holding))
            caller = self._holding[0]
            self._callers.remove(caller)
            await caller.end()

    async def _ask(self, number: int) -> Any:
        async with self._pool.acquire(timeout=20) as connection:
            return await connection.fetchval("SELECT $1::int", number)


@pytest.mark.timeout(300)
def test_the_pool_keeps_its_promises_whatever_happens(database_url: str) -> None:
    # hypothesis makes the machines itself, without arguments.
    PoolModel.url = database_url
    run_state_machine_as_test(
        PoolModel,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


async def test_the_server_never_sees_more_connections_than_the_limit(
    make_pool: MakePool, proxied_url: str, database_url: str
) -> None:
    """Counted by the server itself, during a storm; the pool closes none in that time."""

    async def connect() -> Any:
        return await asyncpg.connect(proxied_url, server_settings={"application_name": "storm"})

    pool = make_pool(pool_size=LIMIT, max_overflow=0, connect=connect)
    admin = await asyncpg.connect(database_url)
    counts = []

    async def use() -> None:
        async with pool.acquire() as connection:
            await connection.execute("SELECT pg_sleep(0.002)")

    callers = [asyncio.create_task(use()) for _ in range(100)]
    while not all(caller.done() for caller in callers):
        counts.append(
            await admin.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'storm'"
            )
        )
    await asyncio.gather(*callers)
    await admin.close()

    assert max(counts) == LIMIT
