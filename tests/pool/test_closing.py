"""A closed pool lends nothing, and waits for its holders if told to; one left open is missed."""

import asyncio
import gc
import logging
import warnings
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.pool.conftest import Driver, ask, connector, server_has
from tests.staging.patience import until
from wellhead import Database, DatabaseSettings, DriverPool, NotOpenError, PoolPolicy, SettingsError


def pool_of_one(driver: Driver, url: str, **knobs: Any) -> DriverPool[Any]:
    policy = PoolPolicy(pool_size=1, max_overflow=0, **knobs)
    return DriverPool(connector(driver, url, "closing"), policy, reset=False)


async def test_a_closed_pool_lends_nothing(driver: Driver, database_url: str) -> None:
    async with pool_of_one(driver, database_url) as pool, pool.acquire():
        pass
    for _ in range(2):
        with pytest.raises(NotOpenError, match="pool 'driver' is closed"):
            async with pool.acquire():
                pass
    await pool.close()

    assert pool.stats().opened == 1


async def test_closing_waits_for_holders_and_for_whoever_waits(
    driver: Driver, database_url: str
) -> None:
    pool, steps = pool_of_one(driver, database_url), []

    async def use(name: str) -> None:
        async with pool.acquire() as connection:
            await ask(connection, "SELECT pg_sleep(0.05)")
            steps.append(name)

    users = [asyncio.create_task(use("holder")), asyncio.create_task(use("waiter"))]
    await until(lambda: pool.stats().waiting == 1 and pool.stats().active == 1)
    await pool.close(grace=30)
    steps.append("closed")
    await asyncio.gather(*users)
    await server_has(database_url, "closing", 0)

    assert steps == ["holder", "waiter", "closed"]
    assert pool.stats().total == 0


async def test_whoever_waits_in_an_outage_while_the_pool_closes_is_served_after_it(
    driver: Driver, database_url: str
) -> None:
    real, is_away, failed = connector(driver, database_url, "closing"), True, asyncio.Event()

    async def connect() -> Any:
        if is_away:
            failed.set()
            raise ConnectionRefusedError
        return await real()

    pool = DriverPool(connect, PoolPolicy(timeout=60), reset=False)

    async def use() -> Any:
        async with pool.acquire() as connection:
            return await ask(connection)

    waiting = asyncio.create_task(use())
    await failed.wait()
    await until(lambda: not pool.stats().opening)
    await pool.close()
    is_away = False

    assert await waiting == 1
    await server_has(database_url, "closing", 0)


async def test_those_who_stay_are_named_and_theirs_are_closed_when_they_come_back(
    driver: Driver, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    pool = pool_of_one(driver, database_url)
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        async with pool.acquire() as connection:
            await pool.close(grace=0.05)
            answer = await ask(connection)
    await server_has(database_url, "closing", 0)
    [record] = [
        each for each in caplog.records if getattr(each, "event", "") == "pool_close_timeout"
    ]

    assert answer == 1
    assert "1 connections were still in use" in record.getMessage()
    assert "test_those_who_stay" in record.getMessage()


async def test_a_grace_that_is_no_time_is_refused(driver: Driver, database_url: str) -> None:
    pool = pool_of_one(driver, database_url)
    for grace in (None, -1, float("nan"), float("inf"), "1"):
        with pytest.raises(SettingsError, match=r"^timeout is|^grace is"):
            await pool.close(grace=grace)  # type: ignore[arg-type]


async def test_a_pool_that_was_dropped_says_where_it_was_made_and_leaves_nothing(
    driver: Driver, database_url: str
) -> None:
    async def use_and_forget() -> None:
        pool = DriverPool(connector(driver, database_url, "closing"), PoolPolicy(min_idle=1))
        async with pool.acquire():
            pass

    async def use_and_collect() -> None:
        await use_and_forget()
        gc.collect()

    with pytest.warns(ResourceWarning, match=r"'driver' was not closed.*use_and_forget") as caught:
        await use_and_collect()
    await server_has(database_url, "closing", 0)

    assert len(caught) == 1


async def test_a_pool_that_is_closed_or_never_connected_is_dropped_in_silence(
    driver: Driver, database_url: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pool_of_one(driver, database_url)
        async with pool_of_one(driver, database_url) as pool, pool.acquire():
            pass
        del pool
        gc.collect()


async def test_a_database_that_was_dropped_while_open_says_where_it_was_made(
    driver: Driver, database_url: str
) -> None:
    url = database_url.replace("postgresql://", f"postgresql+{driver}://")
    engines = []

    async def open_and_forget() -> None:
        database = Database(DatabaseSettings(url=url))
        await database.open()
        # What the database gives keeps it.
        engines.append(AsyncEngine(database.engine.sync_engine))

    async def open_and_collect() -> None:
        await open_and_forget()
        gc.collect()

    with pytest.warns(ResourceWarning, match=r"was not closed.*open_and_forget") as caught:
        await open_and_collect()
    await engines[0].dispose()

    assert len(caught) == 1
    assert ":***@" in str(caught[0].message)
