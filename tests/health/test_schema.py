"""The schema's state as readiness knows it."""

import asyncio
import logging
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response

from tests.staging.scripts import POND, Scripts
from wellhead import Database, DatabaseSettings, MigrationError
from wellhead.fastapi import install
from wellhead.health import schema
from wellhead.migrations import Migrations
from wellhead.testing.proxy import TCPProxy


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    scripts = Scripts(tmp_path / "scripts")
    scripts.add("0001", POND)
    return scripts


@pytest.fixture
def migrations(scripts: Scripts, database_url: str) -> Migrations:
    return Migrations(scripts.directory, settings=DatabaseSettings(url=database_url))


@pytest.fixture(autouse=True)
def _ask_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "ASK_AGAIN_AFTER", 0.0)


async def health_of(database: Database) -> Response:
    app = FastAPI()
    install(app, database)
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://test") as client:
        return await client.get("/health/db")


async def test_a_schema_that_is_behind_is_not_ready_until_it_is_migrated(
    migrations: Migrations, database_url: str
) -> None:
    settings = DatabaseSettings(url=database_url)
    async with Database(settings, migrations=migrations) as database:
        before = await health_of(database)
        await asyncio.to_thread(migrations.upgrade)
        after = await health_of(database)

    assert (before.status_code, before.json()["type"]) == (503, "urn:wellhead:schema_behind")
    assert (after.status_code, after.json()["migrations"]) == (200, "at_head")


async def test_a_schema_at_head_is_looked_at_once(
    migrations: Migrations, proxied_url: str, proxy: TCPProxy
) -> None:
    await asyncio.to_thread(migrations.upgrade)
    async with Database(DatabaseSettings(url=proxied_url), migrations=migrations) as database:
        proxy.reset()
        reports = [await database.check() for _ in range(3)]

        assert proxy.bytes_to_server == 0
    assert {report.schema and report.schema.position for report in reports} == {"at_head"}


async def test_a_schema_that_was_behind_is_not_asked_for_at_every_probe(
    migrations: Migrations,
    proxied_url: str,
    proxy: TCPProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schema, "ASK_AGAIN_AFTER", 3600.0)
    async with Database(DatabaseSettings(url=proxied_url), migrations=migrations) as database:
        proxy.reset()
        report = await database.check()

        assert proxy.bytes_to_server == 0
    assert (report.is_healthy, report.state) == (False, "behind")


async def test_a_schema_ahead_of_the_program_is_ready_and_logged(
    migrations: Migrations,
    scripts: Scripts,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    scripts.add("0002", "...", after="0001")
    await asyncio.to_thread(migrations.upgrade)
    (scripts.directory / "versions" / "0002.py").unlink()
    old = Migrations(scripts.directory)
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        async with Database(DatabaseSettings(url=database_url), migrations=old) as database:
            answer = await health_of(database)

    assert (answer.status_code, answer.json()["migrations"]) == (200, "ahead")
    assert "the schema is ahead: the database is at 0002" in caplog.text


async def test_several_heads_keep_the_database_from_opening(
    migrations: Migrations, scripts: Scripts, database_url: str
) -> None:
    scripts.add("0001b", "...")
    database = Database(DatabaseSettings(url=database_url), migrations=migrations)

    with pytest.raises(MigrationError, match="2 heads"):
        await database.open()
    assert not database.is_open


async def test_without_migrations_nobody_looks_at_the_schema(database_url: str) -> None:
    async with Database(DatabaseSettings(url=database_url)) as database:
        answer = await health_of(database)

    assert (answer.status_code, answer.json()["migrations"]) == (200, None)


@pytest.mark.slow
async def test_a_database_that_stopped_answering_keeps_what_was_known_of_its_schema(
    migrations: Migrations, proxied_url: str, proxy: TCPProxy
) -> None:
    async with Database(DatabaseSettings(url=proxied_url), migrations=migrations) as database:
        await proxy.refuse()
        await proxy.cut()
        report = await database.check()

    assert (report.state, report.schema and report.schema.position) == ("behind", "behind")
