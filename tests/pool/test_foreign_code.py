"""Code that is not the pool's may raise anything, and never return: nothing is lost, nothing spins.

What it raises is distinguished from a real cancellation by whether the task is being cancelled.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tests.pool.conftest import Driver, connector, server_has
from tests.staging.patience import until
from wellhead import (
    AsyncPool,
    ConnectError,
    DriverPool,
    NotOpenError,
    PoolPolicy,
    PoolTimeout,
    UnreachableError,
)
from wellhead.pool import core, stock
from wellhead.pool.outage import LONGEST_PAUSE

Raise = Callable[[], BaseException]
STRAYS: list[Raise] = [asyncio.CancelledError, GeneratorExit]
ENDINGS: list[Raise] = [SystemExit, KeyboardInterrupt]


@pytest.fixture
def engine(driver: Driver, database_url: str) -> AsyncEngine:
    url = database_url.replace("postgresql://", f"postgresql+{driver}://")
    return create_async_engine(
        url, poolclass=AsyncPool, pool_size=1, max_overflow=0, pool_timeout=20
    )


async def one(engine: AsyncEngine) -> Any:
    async with engine.connect() as connection:
        return (await connection.execute(text("SELECT 1"))).scalar_one()


@pytest.mark.parametrize("stray", STRAYS)
async def test_a_caller_hears_of_what_is_no_error_and_no_cancellation(stray: Raise) -> None:
    attempts = 0

    async def connect() -> Any:
        nonlocal attempts
        attempts += 1
        raise stray()

    pool: DriverPool[Any] = DriverPool(connect, PoolPolicy(timeout=20, min_idle=1))
    with pytest.raises(ConnectError, match="it was not cancelled") as caught:
        async with pool.acquire():
            pass
    await pool.close()

    assert type(caught.value.__cause__) is type(stray())
    assert (attempts, pool.stats().failed_connects, pool.stats().opening) == (1, 1, 0)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_caller_hears_that_the_process_is_to_end(ending: Raise) -> None:
    async def connect() -> Any:
        raise ending()

    pool: DriverPool[Any] = DriverPool(connect, PoolPolicy(timeout=20))
    with pytest.raises(type(ending())):
        async with pool.acquire():
            pass
    await pool.close()

    assert (pool.stats().failed_connects, pool.stats().opening) == (1, 0)


async def test_each_of_many_callers_hears_of_its_own_attempt() -> None:
    attempts = 0
    token = asyncio.get_running_loop().create_future()
    token.cancel()

    async def connect() -> Any:
        nonlocal attempts
        attempts += 1
        await token

    pool: DriverPool[Any] = DriverPool(connect, PoolPolicy(pool_size=2, max_overflow=0))

    async def use() -> None:
        async with pool.acquire():
            pass

    heard = await asyncio.gather(*(use() for _ in range(20)), return_exceptions=True)
    await pool.close()

    assert [type(error) for error in heard] == [ConnectError] * 20
    assert attempts == 20


@pytest.mark.parametrize("stray", [*STRAYS, *ENDINGS])
async def test_what_a_listener_for_connect_raises_reaches_the_caller(
    engine: AsyncEngine, stray: Raise
) -> None:
    def raise_it(*_: object) -> None:
        raise stray()

    event.listen(engine.sync_engine, "connect", raise_it)
    with pytest.raises((ConnectError, SystemExit, KeyboardInterrupt)) as caught:
        await one(engine)
    event.remove(engine.sync_engine, "connect", raise_it)

    assert type(stray()) in {type(caught.value), type(caught.value.__cause__)}
    assert await one(engine) == 1
    await engine.dispose()


@pytest.mark.parametrize("name", ["checkout", "checkin", "reset", "close", "invalidate"])
@pytest.mark.parametrize("stray", [asyncio.CancelledError, GeneratorExit, ValueError])
async def test_a_listener_that_raises_costs_no_place(
    engine: AsyncEngine, name: str, stray: Raise
) -> None:
    def raise_it(*_: object) -> None:
        raise stray()

    event.listen(engine.sync_engine, name, raise_it)
    for _ in range(3):
        try:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
                await connection.invalidate()
        except (asyncio.CancelledError, GeneratorExit, ValueError):
            pass
    event.remove(engine.sync_engine, name, raise_it)

    assert await one(engine) == 1
    pool: Any = engine.sync_engine.pool
    await engine.dispose()
    assert pool.stats().total == 0


async def wait_whatever_happens(may_end: asyncio.Event) -> Any:
    """Code that a cancellation does not end."""
    while not may_end.is_set():
        try:
            await may_end.wait()
        except asyncio.CancelledError:
            continue


async def test_a_cancelled_pool_closes_though_connecting_never_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stock, "GOODBYE", 0.05)
    may_end = asyncio.Event()
    connect = partial(wait_whatever_happens, may_end)
    pool: DriverPool[Any] = DriverPool(connect, PoolPolicy(timeout=0.05))
    with pytest.raises(PoolTimeout):
        async with pool.acquire():
            pass
    opening = pool.stats().opening
    await pool.close()
    may_end.set()

    assert (opening, pool.stats().opening) == (1, 0)


async def test_connecting_that_goes_on_after_it_is_cancelled_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stock, "GOODBYE", 0.05)
    may_end = asyncio.Event()
    connect = partial(wait_whatever_happens, may_end)
    pool: DriverPool[Any] = DriverPool(connect, PoolPolicy(timeout=0.5, connect_timeout=0.1))
    with pytest.raises(PoolTimeout) as caught:
        async with pool.acquire():
            pass
    await pool.close()
    may_end.set()

    assert isinstance(caught.value.__cause__, UnreachableError)
    assert "cancelled after 0.1 s, and had not ended 0.05 s later" in str(caught.value.__cause__)


async def test_a_connection_that_comes_after_it_was_given_up_is_closed(
    monkeypatch: pytest.MonkeyPatch, driver: Driver, database_url: str
) -> None:
    monkeypatch.setattr(stock, "GOODBYE", 0.05)
    real, may_go_on, under_way = connector(driver, database_url, "late"), asyncio.Event(), 0

    async def connect() -> Any:
        nonlocal under_way
        under_way += 1
        while not may_go_on.is_set():
            try:
                await may_go_on.wait()
            except asyncio.CancelledError:
                continue
        connection = await real()
        under_way -= 1
        return connection

    policy = PoolPolicy(pool_size=1, max_overflow=0, timeout=0.5, connect_timeout=0.05)
    pool: DriverPool[Any] = DriverPool(connect, policy, reset=False)
    with pytest.raises(PoolTimeout):
        async with pool.acquire():
            pass
    failed = pool.stats().failed_connects
    await pool.close()
    may_go_on.set()
    await until(lambda: under_way == 0)
    await server_has(database_url, "late", 0)

    assert failed >= 1
    assert pool.stats().opened == 0


async def test_a_reset_that_never_ends_costs_the_connection_and_not_its_place(
    monkeypatch: pytest.MonkeyPatch, driver: Driver, database_url: str
) -> None:
    monkeypatch.setattr(stock, "GOODBYE", 0.05)
    may_end = asyncio.Event()

    async def never(_: Any) -> None:
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                continue

    pool = DriverPool(connector(driver, database_url), PoolPolicy(pool_size=1, max_overflow=0))
    pool._core._link.reset = never  # type: ignore[assignment]  # noqa: SLF001
    async with pool.acquire() as first:
        pass
    async with pool.acquire() as second:
        pass
    await pool.close()
    may_end.set()

    assert second is not first
    assert (pool.stats().total, pool.stats().closed["unclean"]) == (0, 2)


async def test_whoever_is_really_cancelled_is_cancelled(driver: Driver, database_url: str) -> None:
    pool = DriverPool(connector(driver, database_url), PoolPolicy(pool_size=1, max_overflow=0))

    async def use() -> None:
        async with pool.acquire():
            pass

    async with pool.acquire():
        user = asyncio.create_task(use())
        await until(lambda: pool.stats().waiting == 1)
        user.cancel()
        await asyncio.wait({user})
    await pool.close()

    assert user.cancelled()


async def test_a_caller_whose_coroutine_is_closed_leaves_the_line() -> None:
    async def connect() -> Any:
        await asyncio.sleep(60)

    pool: DriverPool[Any] = DriverPool(connect, PoolPolicy())
    waiting: Any = pool.acquire().__aenter__()
    waiting.send(None)
    before = pool.stats().waiting
    waiting.close()
    await pool.close()

    assert (before, pool.stats().waiting) == (1, 0)


async def test_connections_that_are_closed_when_they_come_are_asked_for_with_pauses(
    driver: Driver, database_url: str
) -> None:
    """Two a pause at the most, whose lengths are random; without one they were thousands."""
    attempts, real = 0, connector(driver, database_url)

    async def connect() -> Any:
        nonlocal attempts
        attempts += 1
        connection = await real()
        await connection.close()
        return connection

    pool = DriverPool(connect, PoolPolicy(timeout=1, min_idle=1))
    with pytest.raises(PoolTimeout) as caught:
        async with pool.acquire():
            pass
    await pool.close()

    assert isinstance(caught.value.__cause__, ConnectError)
    assert attempts <= 4 + 2 / LONGEST_PAUSE


async def test_opening_one_ends_when_the_pool_is_closed() -> None:
    async def connect() -> Any:
        await asyncio.sleep(60)

    engine_core: core.Core[Any] = DriverPool(connect, PoolPolicy())._core  # noqa: SLF001 - inside
    opening: Awaitable[None] = asyncio.ensure_future(engine_core.open_one())
    await until(lambda: engine_core.stats(reason="").opening == 1)
    await engine_core.close()

    with pytest.raises(NotOpenError):
        await opening
