"""The pool: its figures, and the check of a connection before it is handed out."""

import asyncio
from typing import Literal

import pytest
from sqlalchemy import literal, select

from tests.staging.patience import until
from wellhead import Database, DatabaseSettings, PoolStats, PoolTimeout, UnreachableError
from wellhead.testing.proxy import TCPProxy

DRIVERS = ("postgresql+asyncpg://", "postgresql+psycopg://")


async def ask(database: Database) -> object:
    async with database.engine.connect() as connection:
        return await connection.scalar(select(literal(1)))


async def test_a_closed_connection_is_replaced_without_a_round_trip(
    proxied_url: str, proxy: TCPProxy
) -> None:
    async with Database(DatabaseSettings(url=proxied_url)) as database:
        await proxy.cut()
        await asyncio.sleep(0.05)
        proxy.reset()
        answer = await ask(database)

    assert answer == 1
    assert proxy.connections == 1


async def test_a_server_that_went_away_retires_every_connection_at_once(
    proxied_url: str, proxy: TCPProxy
) -> None:
    async with Database(DatabaseSettings(url=proxied_url)) as database:
        await asyncio.gather(*(ask(database) for _ in range(4)))
        await proxy.cut()
        await asyncio.sleep(0.05)
        await ask(database)
        await until(lambda: database.stats().checked_out == 0)
        left = database.stats()
        answers = await asyncio.gather(*(ask(database) for _ in range(4)))

    assert left.checked_out == 0
    assert answers == [1, 1, 1, 1]


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_connection_that_sat_idle_is_pinged_in_one_round_trip(
    driver: str, proxied_url: str, proxy: TCPProxy
) -> None:
    url = proxied_url.replace("postgresql://", driver)
    always = Database(DatabaseSettings(url=url, pool_check_after_idle=0))
    never = Database(DatabaseSettings(url=url, pool_pre_ping=False))
    counts = []
    for database in (always, never):
        async with database:
            for _ in range(3):
                proxy.reset()
                await ask(database)
            counts.append(proxy.round_trips)

    assert counts[0] - counts[1] == 1


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_busy_connection_is_not_pinged(
    driver: str, proxied_url: str, proxy: TCPProxy
) -> None:
    url = proxied_url.replace("postgresql://", driver)
    async with Database(DatabaseSettings(url=url, pool_check_after_idle=30)) as database:
        async with database.engine.connect():
            pass
        proxy.reset()
        async with database.engine.connect():
            pass
        sent = proxy.bytes_to_server

    assert sent == 0


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_ping_without_an_answer_gives_up_the_connection(
    driver: str, proxied_url: str, proxy: TCPProxy
) -> None:
    url = proxied_url.replace("postgresql://", driver)
    settings = DatabaseSettings(
        url=url, pool_check_after_idle=0, connect_timeout=2, pool_timeout=4.5
    )
    async with Database(settings) as database:
        proxy.stall()
        with pytest.raises(PoolTimeout) as caught:
            await ask(database)
        assert isinstance(caught.value.__cause__, UnreachableError)
        assert "no response within 2 s" in str(caught.value.__cause__)
        proxy.resume()
        answer = await ask(database)

        closed = database.stats().closed

    assert answer == 1
    assert closed["check"] == 1


@pytest.mark.parametrize(("mode", "size"), [("pool", 2), ("none", 0)])
async def test_the_figures_hold_in_every_mode(
    mode: Literal["pool", "none"], size: int, database_url: str
) -> None:
    settings = DatabaseSettings(url=database_url, pool_mode=mode, pool_size=2, max_overflow=1)
    database = Database(settings)
    before = database.stats()
    async with database:
        async with database.engine.connect(), database.engine.connect(), database.engine.connect():
            busy = database.stats()
        idle = database.stats()

    assert (before.mode, before.total, before.pool_size) == (mode, 0, size)
    assert (busy.checked_out, busy.checked_in, busy.total) == (3, 0, 3)
    assert busy.overflow == (1 if mode == "pool" else 0)
    assert busy.utilization == (150.0 if mode == "pool" else 0.0)
    assert (idle.checked_out, idle.checked_in) == (0, size)


async def test_a_failed_connection_leaves_no_count_behind(
    proxied_url: str, proxy: TCPProxy
) -> None:
    settings = DatabaseSettings(url=proxied_url, pool_mode="none")
    async with Database(settings) as database:
        await proxy.refuse()
        with pytest.raises(ConnectionError):
            await ask(database)
        stats = database.stats()

    assert stats.checked_out == 0


async def test_a_full_pool_raises_after_its_timeout(database_url: str) -> None:
    settings = DatabaseSettings(
        url=database_url, pool_size=1, max_overflow=0, pool_timeout=3.1, connect_timeout=3
    )
    async with Database(settings) as database, database.engine.connect():
        with pytest.raises(PoolTimeout):
            await ask(database)


def test_a_snapshot_cannot_be_changed() -> None:
    stats = PoolStats("none", "because", 0, None, 0, 0, 0)

    with pytest.raises(AttributeError):
        stats.checked_in = 1  # type: ignore[misc]
