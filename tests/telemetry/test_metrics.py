"""The figures for Prometheus: what they say, what they cost, and what they leave out."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import text
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead import Database, DatabaseSettings, PoolTimeout
from wellhead.pool import serving
from wellhead.telemetry.metrics import DatabaseCollector
from wellhead.testing.proxy import TCPProxy


def registry_of(database: Database | Mapping[str, Database]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(DatabaseCollector(database))
    return registry


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, {"database": "default", **labels})


async def read(database: Database) -> None:
    async with database.reader() as reader:
        await reader.exec(select(1))


@pytest.fixture
def database(proxied_url: str) -> Database:
    settings = {"connect_timeout": 1, "pool_timeout": 1.1, "pool_size": 2, "max_overflow": 1}
    return Database(DatabaseSettings(url=proxied_url, **settings))


async def test_the_pool_is_told_as_it_is(database: Database) -> None:
    registry = registry_of(database)
    async with database:
        await read(database)
        async with database.session() as one, database.session() as two:
            await one.connection()
            await two.connection()
            busy = value(registry, "wellhead_pool_connections", state="active")
        stats = database.stats()

        assert busy == 2
        assert value(registry, "wellhead_pool_connections", state="idle") == stats.idle
        assert value(registry, "wellhead_pool_size") == 2
        assert value(registry, "wellhead_pool_limit") == 3
        assert value(registry, "wellhead_pool_acquired_total") == stats.acquired
        assert value(registry, "wellhead_pool_opened_total") == 2
        assert value(registry, "wellhead_pool_info", mode="pool") == 1


async def test_times_are_told_as_histograms(database: Database) -> None:
    registry = registry_of(database)
    async with database:
        for _ in range(5):
            await read(database)
        wait = database.stats().wait

        assert value(registry, "wellhead_pool_wait_seconds_count") == wait.count
        assert value(registry, "wellhead_pool_wait_seconds_sum") == wait.total
        assert value(registry, "wellhead_pool_wait_seconds_bucket", le="+Inf") == wait.count
        assert value(registry, "wellhead_pool_hold_seconds_count") == 6
        assert value(registry, "wellhead_pool_connect_seconds_count") == 1


async def test_buckets_hold_all_that_took_no_longer(database: Database) -> None:
    registry = registry_of(database)
    async with database:
        for _ in range(20):
            await read(database)
        hold = next(
            metric for metric in registry.collect() if metric.name == "wellhead_pool_hold_seconds"
        )
        longest = database.stats().hold.longest
    counts = {
        float(sample.labels["le"]): sample.value
        for sample in hold.samples
        if sample.name.endswith("_bucket")
    }

    assert list(counts.values()) == sorted(counts.values())
    assert {count for bound, count in counts.items() if bound >= longest} == {21.0}


async def test_each_route_has_how_long_it_held_connections(database: Database) -> None:
    registry = registry_of(database)
    async with database:
        with serving("GET /things/{id}"):
            await read(database)

        route = {"route": "GET /things/{id}"}
        assert value(registry, "wellhead_route_hold_seconds_count", **route) == 1


async def test_closed_connections_are_told_by_reason(database: Database) -> None:
    registry = registry_of(database)
    async with database:
        async with database.engine.connect() as connection:
            await connection.invalidate()

        assert value(registry, "wellhead_pool_closed_total", reason="invalidated") == 1
        assert value(registry, "wellhead_pool_closed_total", reason="lifetime") == 0


async def test_units_of_work_that_ran_again_are_told_by_fault(database: Database) -> None:
    registry = registry_of(database)
    attempts = 0

    async def work(session: AsyncSession) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            await session.exec(select(text("pg_terminate_backend(pg_backend_pid())")))
        await session.exec(select(1))

    async with database:
        await database.run(work)

        assert value(registry, "wellhead_units_of_work_total") == 1
        retried = value(registry, "wellhead_units_of_work_retried_total", fault="connection_lost")
        assert retried == attempts - 1 == 1
        assert value(registry, "wellhead_commits_unknown_total") == 0


async def test_what_is_known_of_the_database_is_told(database: Database, proxy: TCPProxy) -> None:
    registry = registry_of(database)
    async with database:
        up = value(registry, "wellhead_database_healthy")
        await proxy.refuse()
        await proxy.cut()
        with pytest.raises(PoolTimeout):
            await read(database)
        down = value(registry, "wellhead_database_healthy")
        state = value(registry, "wellhead_database_state", state="unavailable")
        await proxy.accept()

    assert (up, down, state) == (1, 0, 1)


async def test_starting_and_draining_are_told(database: Database) -> None:
    registry = registry_of(database)
    before = value(registry, "wellhead_started"), value(registry, "wellhead_draining")
    async with database:
        started = value(registry, "wellhead_started")
        database.drain()
        after = value(registry, "wellhead_draining")

    assert (before, started, after) == ((0, 0), 1, 1)


async def test_scraping_asks_the_database_nothing(database: Database, proxy: TCPProxy) -> None:
    registry = registry_of(database)
    async with database:
        proxy.reset()
        for _ in range(100):
            generate_latest(registry)

        assert (proxy.connections, proxy.bytes_to_server) == (0, 0)


@pytest.mark.parametrize("mode", ["none", "pool"])
async def test_no_address_name_or_password_is_told(proxied_url: str, mode: str) -> None:
    database = Database(DatabaseSettings(url=proxied_url, pool_mode=mode))
    url = database.settings.url
    async with database:
        await read(database)
        text = generate_latest(registry_of(database)).decode()

    secrets = {url.render(hide_password=False).split("@")[0].rpartition(":")[2], "127.0.0.1"}
    assert {secret for secret in secrets if secret in text} == set()
    assert Path(proxied_url).name not in text


def test_two_databases_stand_beside_each_other(database_url: str) -> None:
    sizes = {"main": 2, "archive": 7}
    databases = {
        name: Database(DatabaseSettings(url=database_url, pool_size=size))
        for name, size in sizes.items()
    }
    text = generate_latest(registry_of(databases)).decode()

    for name, size in sizes.items():
        assert f'wellhead_pool_size{{database="{name}"}} {size}.0' in text
    assert text.count("# TYPE wellhead_pool_size ") == 1
