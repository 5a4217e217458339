"""The budget of all processes: what the server has, what the settings give, who is warned."""

import logging

import asyncpg
import pytest
from sqlalchemy import text

from wellhead import ConfigurationError, Database, DatabaseSettings, NotOpenError, SettingsError
from wellhead.testing.proxy import TCPProxy


def warnings_in(log: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in log.records
        if getattr(record, "event", None) == "pool_overbooked"
    ]


@pytest.mark.parametrize("driver", ["postgresql+asyncpg://", "postgresql+psycopg://"])
async def test_a_fleet_that_the_server_cannot_serve_is_warned_of(
    driver: str, proxied_url: str, proxy: TCPProxy, caplog: pytest.LogCaptureFixture
) -> None:
    url = proxied_url.replace("postgresql://", driver)
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        async with Database(DatabaseSettings(url=url, pool_processes=100)):
            connections = proxy.connections
    (said,) = warnings_in(caplog)

    assert said.startswith("100 processes may open 3000 connections (30 each), but the server has ")
    assert connections == 1


async def test_a_fleet_that_fits_is_not(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = DatabaseSettings(url=database_url, pool_size=1, max_overflow=0)
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        async with Database(settings):
            pass

    assert warnings_in(caplog) == []


async def test_a_poolers_url_is_not_asked(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = DatabaseSettings(url=database_url + "?pgbouncer=true", pool_processes=100)
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        async with Database(settings) as database:
            assert database.budget() is None

    assert warnings_in(caplog) == []


async def test_what_is_given_behind_a_pooler_is_the_budget(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = DatabaseSettings(
        url=database_url + "?pgbouncer=true", pool_processes=8, pool_budget=200
    )
    with caplog.at_level(logging.INFO, logger="wellhead"):
        async with Database(settings):
            pass
    [said] = warnings_in(caplog)

    assert said.startswith("8 processes may open 240 connections (30 each), but the budget is 200.")
    assert "Budget: 8 processes x 30 connections = 240 of 200." in caplog.text


async def test_the_smallest_limit_counts(database_url: str) -> None:
    name = database_url.rpartition("/")[2]
    settings = DatabaseSettings(url=database_url, pool_processes=2)
    async with Database(settings) as database:
        of_server = database.budget()
    await execute(database_url, f'ALTER DATABASE "{name}" CONNECTION LIMIT 70')
    async with Database(settings) as database:
        of_database = database.budget()
    async with Database(settings.model_copy(update={"pool_budget": 40})) as database:
        given = database.budget()

    assert of_server is not None
    assert of_server.available == of_server.limit - of_server.reserved
    assert of_database is not None
    assert (of_database.wanted, of_database.available) == (60, 70)
    assert given is not None
    assert (given.available, given.is_given) == (40, True)


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


async def test_a_pool_is_resized_to_its_share_and_keeps_what_is_in_use(database_url: str) -> None:
    settings = DatabaseSettings(
        url=database_url, pool_processes=2, pool_budget=40, pool_size=15, max_overflow=5
    )
    async with Database(settings) as database:
        connections = [database.engine.connect() for _ in range(10)]
        for connection in connections:
            await connection.start()
        size = database.share_among(8)
        shared, lent = database.budget(), database.stats().checked_out
        for connection in connections:
            assert await connection.scalar(text("SELECT 1")) == 1
            await connection.close()
        database.share_among(1)
        alone = database.stats()

    assert (size.pool_size, size.max_overflow) == (4, 1)
    assert shared is not None
    assert (shared.wanted, shared.excess, lent) == (40, None, 10)
    assert (alone.pool_size, alone.max_overflow) == (27, 13)


async def test_a_share_that_there_is_not_is_refused_and_changes_nothing(database_url: str) -> None:
    database = Database(DatabaseSettings(url=database_url, pool_budget=40))
    with pytest.raises(NotOpenError):
        database.share_among(2)
    async with database:
        with pytest.raises(ConfigurationError, match="41 processes do not fit 40 connections"):
            database.share_among(41)
        with pytest.raises(SettingsError, match="must be a number from 1"):
            database.share_among(0)
        budget, stats = database.budget(), database.stats()
    async with Database(DatabaseSettings(url=database_url + "?pgbouncer=true")) as pooled:
        with pytest.raises(ConfigurationError, match="DATABASE_POOL_BUDGET"):
            pooled.share_among(2)

    assert budget is not None
    assert (budget.processes, stats.pool_size, stats.max_overflow) == (1, 10, 20)
