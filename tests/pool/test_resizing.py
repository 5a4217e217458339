"""Another size while it runs, and all connections replaced while it runs."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from tests.pool.conftest import Driver, ask, connector, server_has
from tests.staging.patience import until
from wellhead import (
    AsyncPool,
    ConfigurationError,
    Database,
    DatabaseSettings,
    DriverPool,
    NotOpenError,
    PoolPolicy,
    SettingsError,
)


class Users:
    """Callers who hold a connection each until they are told to go."""

    def __init__(self, pool: DriverPool[Any], number: int) -> None:
        self.may_end = [asyncio.Event() for _ in range(number)]
        self.tasks = [asyncio.create_task(self._use(pool, at)) for at in range(number)]

    async def _use(self, pool: DriverPool[Any], at: int) -> None:
        async with pool.acquire():
            await self.may_end[at].wait()

    async def go(self, *which: int) -> None:
        for at in which:
            self.may_end[at].set()
            await self.tasks[at]


async def test_a_larger_pool_serves_those_who_wait(driver: Driver, database_url: str) -> None:
    policy = PoolPolicy(pool_size=1, max_overflow=0)
    async with DriverPool(connector(driver, database_url), policy, reset=False) as pool:
        users = Users(pool, 3)
        await until(lambda: pool.stats().waiting == 2)
        pool.resize(pool_size=2, max_overflow=1)
        await until(lambda: pool.stats().active == 3)
        await users.go(0, 1, 2)

        assert (pool.stats().pool_size, pool.stats().max_overflow) == (2, 1)


async def test_a_smaller_pool_shrinks_as_connections_come_back(
    driver: Driver, database_url: str
) -> None:
    policy = PoolPolicy(pool_size=4, max_overflow=0)
    connect = connector(driver, database_url, "resized")
    async with DriverPool(connect, policy, reset=False) as pool:
        users = Users(pool, 4)
        await until(lambda: pool.stats().active == 4)
        pool.resize(pool_size=2)
        waiting = Users(pool, 1)
        await until(lambda: pool.stats().waiting == 1)
        await users.go(0)
        await until(lambda: not pool.stats().closing)
        before = pool.stats().waiting, pool.stats().active
        await users.go(1, 2)
        await until(lambda: not pool.stats().waiting)
        await server_has(database_url, "resized", 2)
        await users.go(3)
        await waiting.go(0)

        assert before == (1, 3)
        assert (pool.stats().idle, pool.stats().opened) == (2, 4)


async def test_free_connections_that_are_too_many_are_closed_at_once(
    driver: Driver, database_url: str
) -> None:
    async with DriverPool(connector(driver, database_url), PoolPolicy(), reset=False) as pool:
        users = Users(pool, 3)
        await until(lambda: pool.stats().active == 3)
        await users.go(0, 1, 2)
        pool.resize(pool_size=1)
        await until(lambda: not pool.stats().closing)

        assert (pool.stats().idle, pool.stats().closed["overflow"]) == (1, 2)


async def test_a_size_that_cannot_be_is_refused_and_changes_nothing(
    driver: Driver, database_url: str
) -> None:
    policy = PoolPolicy(pool_size=5, min_idle=3)
    pool = DriverPool(connector(driver, database_url), policy)
    for wrong in ({"pool_size": 2}, {"pool_size": -1}, {"max_overflow": "3"}):
        with pytest.raises(SettingsError):
            pool.resize(**wrong)

    assert pool.stats().pool_size == 5


async def test_a_resized_engine_keeps_its_size_when_it_is_disposed_of(database_url: str) -> None:
    url = database_url.replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url, poolclass=AsyncPool)
    pool: Any = engine.sync_engine.pool
    pool.resize(pool_size=7, max_overflow=1)
    await engine.dispose()
    after: Any = engine.sync_engine.pool

    assert after is not pool
    assert (after.policy.pool_size, after.policy.max_overflow) == (7, 1)


async def test_all_connections_are_replaced_the_free_ones_at_once(
    driver: Driver, database_url: str
) -> None:
    policy = PoolPolicy(pool_size=2, max_overflow=0)
    async with DriverPool(connector(driver, database_url), policy, reset=False) as pool:
        pids = []
        async with pool.acquire() as held, pool.acquire() as free:
            pids += [
                await ask(held, "SELECT pg_backend_pid()"),
                await ask(free, "SELECT pg_backend_pid()"),
            ]
        async with pool.acquire() as held:
            pool.retire_all()
            pids.append(await ask(held, "SELECT pg_backend_pid()"))
            await until(lambda: pool.stats().total == 1 and not pool.stats().closing)
        async with pool.acquire() as new:
            pid = await ask(new, "SELECT pg_backend_pid()")

        assert pid not in pids
        assert pool.stats().closed["invalidated"] == 2


async def test_a_databases_pool_can_be_had_while_it_is_open(
    driver: Driver, database_url: str
) -> None:
    url = database_url.replace("postgresql://", f"postgresql+{driver}://")
    database = Database(DatabaseSettings(url=url, pool_min_idle=2))
    with pytest.raises(NotOpenError):
        _ = database.pool
    async with database:
        await database.pool.wait(20)
        database.pool.resize(pool_size=3)
        database.pool.retire_all()
        await database.pool.wait(20)
        stats = database.stats()

    assert (stats.pool_size, stats.opened) == (3, 4)


async def test_a_database_without_a_pool_says_so(database_url: str) -> None:
    async with Database(DatabaseSettings(url=database_url, pool_mode="none")) as database:
        with pytest.raises(ConfigurationError, match="has no pool: DATABASE_POOL_MODE=none"):
            _ = database.pool
