"""The connections of min_idle: replaced once lost or too old, without callers, never in a hurry."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.pool.conftest import Driver, connector, server_has
from tests.staging.patience import until
from wellhead import AsyncPool, AuthenticationError, DriverPool, PoolPolicy, PoolTimeout
from wellhead.pool import outage
from wellhead.pool.outage import LONGEST_PAUSE_FOR_NOBODY, Outage
from wellhead.testing.proxy import TCPProxy

KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kept'"


async def kill(url: str) -> None:
    admin = await asyncpg.connect(url)
    await admin.execute(KILL)
    await admin.close()


def is_restored(pool: Any, opened: int) -> Callable[[], bool]:
    return lambda: pool.stats().opened >= opened and pool.stats().idle == 3


async def test_what_the_server_closed_is_replaced_though_nobody_comes(
    driver: Driver, database_url: str
) -> None:
    policy = PoolPolicy(pool_size=3, max_overflow=0, min_idle=3)
    async with DriverPool(connector(driver, database_url, "kept"), policy, reset=False) as pool:
        await pool.wait(20)
        for round_ in (1, 2):
            await kill(database_url)
            await until(is_restored(pool, 3 + 3 * round_))

        assert pool.stats().acquired == 0
        assert pool.stats().closed["server"] == 6
    await server_has(database_url, "kept", 0)


async def test_an_engine_replaces_what_the_server_closed_though_nobody_comes(
    driver: Driver, database_url: str
) -> None:
    url = database_url.replace("postgresql://", f"postgresql+{driver}://")
    given = {"server_settings": {"application_name": "kept"}}
    engine = create_async_engine(
        url,
        poolclass=AsyncPool,
        pool_size=3,
        min_idle=3,
        connect_args=given if driver == "asyncpg" else given["server_settings"],
    )
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    pool: Any = engine.sync_engine.pool
    await pool.wait(20)
    await kill(database_url)
    await until(is_restored(pool, 6))
    await engine.dispose()
    await server_has(database_url, "kept", 0)


async def test_a_loss_in_use_is_the_users_business_until_it_comes_back(
    driver: Driver, database_url: str
) -> None:
    policy = PoolPolicy(pool_size=3, max_overflow=0, min_idle=3)
    async with DriverPool(connector(driver, database_url, "kept"), policy, reset=False) as pool:
        await pool.wait(20)
        async with pool.acquire():
            await kill(database_url)
            await until(lambda: pool.stats().opened == 5)
            held = pool.stats().active
        await until(is_restored(pool, 6))

    assert held == 1


async def test_in_an_outage_one_attempt_at_a_time_is_made_for_nobody(
    driver: Driver, proxied_url: str, proxy: TCPProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "LONGEST_PAUSE_FOR_NOBODY", 0.05)
    at_once, most, attempts, real = 0, 0, 0, connector(driver, proxied_url, "kept")

    async def connect() -> Any:
        nonlocal at_once, most, attempts
        at_once, attempts = at_once + 1, attempts + 1
        most = max(most, at_once)
        try:
            return await real()
        finally:
            at_once -= 1

    policy = PoolPolicy(pool_size=3, max_overflow=0, min_idle=3)
    async with DriverPool(connect, policy, reset=False) as pool:
        await pool.wait(20)
        most, before = 0, attempts
        await proxy.refuse()
        await proxy.cut()
        await until(lambda: attempts >= before + 3)
        during = most
        await proxy.accept()
        await until(is_restored(pool, 6))

    assert during == 1


async def test_a_refused_password_is_not_tried_again_for_nobody(
    driver: Driver, database_url: str
) -> None:
    attempts, real, is_refused = 0, connector(driver, database_url, "kept"), False

    async def connect() -> Any:
        nonlocal attempts
        attempts += 1
        if is_refused:
            raise AuthenticationError("no")
        return await real()

    policy = PoolPolicy(pool_size=3, max_overflow=0, min_idle=3)
    async with DriverPool(connect, policy, reset=False) as pool:
        await pool.wait(20)
        is_refused, before = True, attempts
        await kill(database_url)
        await until(lambda: attempts > before)
        await asyncio.sleep(0.3)
        tried = attempts - before
        with pytest.raises(AuthenticationError):
            await pool.wait(20)
        is_refused = False
        async with pool.acquire():
            pass
        await until(is_restored(pool, 6))

    # Those that had begun already, all at once.
    assert tried <= 3


def test_pauses_for_nobody_grow_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda _, high: high)
    bad, now, pauses = Outage("shop", memory=30), 100.0, []
    for _ in range(10):
        bad.put_off_restoring(now)
        pauses.append(bad.restore_at - now)
        now = bad.restore_at
    bad.put_off_restoring(now + 60)
    after_calm = bad.restore_at - (now + 60)

    assert pauses[:3] == pytest.approx([0.05, 0.1, 0.2])
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE_FOR_NOBODY)
    assert after_calm == pytest.approx(0.05)


async def test_what_gets_too_old_while_idle_is_closed_and_not_replaced_for_nobody(
    driver: Driver, database_url: str
) -> None:
    policy = PoolPolicy(pool_size=3, recycle=0.2, idle_timeout=None, lifetime_jitter=0)
    async with DriverPool(connector(driver, database_url, "kept"), policy, reset=False) as pool:
        async with pool.acquire(), pool.acquire():
            pass
        await until(lambda: pool.stats().total == 0)

        assert pool.stats().closed["lifetime"] == 2
        assert pool.stats().opened == 2


async def test_what_is_kept_and_gets_too_old_is_replaced(driver: Driver, database_url: str) -> None:
    policy = PoolPolicy(pool_size=1, max_overflow=0, min_idle=1, recycle=0.2, lifetime_jitter=0)
    async with DriverPool(connector(driver, database_url, "kept"), policy, reset=False) as pool:
        await pool.wait(20)
        await until(lambda: pool.stats().opened >= 3)

        assert pool.stats().acquired == 0


async def test_waiting_for_what_is_kept_ends_in_time_and_names_the_cause() -> None:
    async def connect() -> Any:
        raise ConnectionRefusedError("nobody there")

    pool: DriverPool[Any] = DriverPool(connect, PoolPolicy(min_idle=2))
    with pytest.raises(PoolTimeout, match="did not have its 2 connections") as caught:
        await pool.wait(0.1)
    await pool.close()

    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


async def test_where_nothing_is_kept_waiting_opens_nothing(
    driver: Driver, database_url: str
) -> None:
    async with DriverPool(connector(driver, database_url), PoolPolicy()) as pool:
        await pool.wait()

        assert pool.stats().opened == 0
