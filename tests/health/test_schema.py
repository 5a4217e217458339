"""The schema's state as readiness knows it."""

import asyncio
import logging
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.staging.scripts import NO_POND, POND, Scripts
from wellhead import Database, DatabaseSettings, MigrationError, SchemaState
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


async def responses_of(
    database: Database, *, statement: str, count: int = 1, main: Database | None = None
) -> list[Response]:
    """The responses of a route that runs a statement on a database, which may be a second one."""
    app = FastAPI()
    install(app, main or database, other=database)

    @app.get("/pond")
    async def pond() -> None:
        async with database.session() as session:
            await (await session.connection()).execute(text(statement))

    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://test") as client:
        return [await client.get("/pond") for _ in range(count)]


READ = "SELECT id FROM pond"


class TestStatementsThatDoNotFit:
    @pytest.fixture(params=["asyncpg", "psycopg"])
    def settings(self, request: pytest.FixtureRequest, database_url: str) -> DatabaseSettings:
        url = database_url.replace("postgresql://", f"postgresql+{request.param}://")
        return DatabaseSettings(url=url)

    async def test_an_unmigrated_database_is_told_as_such_in_one_line(
        self,
        scripts: Scripts,
        settings: DatabaseSettings,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        migrations = Migrations(scripts.directory, command="todo migrate")
        async with Database(settings, migrations=migrations) as database:
            caplog.clear()
            answers = await responses_of(database, statement=READ, count=3)

        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["type"] for answer in answers} == {"urn:wellhead:schema_behind"}
        assert {answer.headers["retry-after"] for answer in answers} == {"5"}
        [line] = [each for each in caplog.records if each.levelno >= logging.WARNING]
        assert line.getMessage() == (
            "statements fail (the last one with SQLSTATE 42P01) because the schema is behind: the "
            "database is at nothing; not applied: 0001. Apply them with: todo migrate"
        )
        assert line.exc_info is None

    async def test_so_is_one_that_lacks_a_column(
        self, migrations: Migrations, scripts: Scripts, settings: DatabaseSettings
    ) -> None:
        await asyncio.to_thread(migrations.upgrade)
        scripts.add("0002", 'op.add_column("pond", sa.Column("depth", sa.Integer))', after="0001")
        newer = Migrations(scripts.directory)
        async with Database(settings, migrations=newer) as database:
            [answer] = await responses_of(database, statement="SELECT depth FROM pond")

        assert (answer.status_code, answer.json()["type"]) == (503, "urn:wellhead:schema_behind")

    async def test_so_is_one_that_a_newer_program_has_migrated(
        self, migrations: Migrations, scripts: Scripts, settings: DatabaseSettings
    ) -> None:
        scripts.add("0002", NO_POND, after="0001")
        await asyncio.to_thread(migrations.upgrade)
        (scripts.directory / "versions" / "0002.py").unlink()
        older = Migrations(scripts.directory)
        async with Database(settings, migrations=older) as database:
            [answer] = await responses_of(database, statement=READ)

        assert (answer.status_code, answer.json()["type"]) == (503, "urn:wellhead:schema_ahead")

    async def test_so_is_one_that_was_emptied_after_it_was_found_at_head(
        self, migrations: Migrations, settings: DatabaseSettings
    ) -> None:
        await asyncio.to_thread(migrations.upgrade)
        async with Database(settings, migrations=migrations) as database:
            async with database.session() as session:
                connection = await session.connection()
                await connection.execute(text("DROP TABLE pond, alembic_version"))
            [answer] = await responses_of(database, statement=READ)
            ready = await database.ready()

        assert (answer.status_code, answer.json()["type"]) == (503, "urn:wellhead:schema_behind")
        assert ready.reason == "behind"

    async def test_a_mistake_stays_one_where_the_schema_is_at_head(
        self, migrations: Migrations, settings: DatabaseSettings, caplog: pytest.LogCaptureFixture
    ) -> None:
        await asyncio.to_thread(migrations.upgrade)
        async with Database(settings, migrations=migrations) as database:
            [answer] = await responses_of(database, statement="SELECT nothing FROM pond")

        assert (answer.status_code, answer.json()["type"]) == (500, "urn:wellhead:programming")
        assert "SQLSTATE 42703" in caplog.text

    async def test_a_mistake_of_another_kind_stays_one_where_it_is_behind(
        self, migrations: Migrations, settings: DatabaseSettings
    ) -> None:
        async with Database(settings, migrations=migrations) as database:
            [answer] = await responses_of(database, statement="SELEC id FROM pond")

        assert (answer.status_code, answer.json()["type"]) == (500, "urn:wellhead:programming")

    async def test_a_mistake_in_another_database_stays_one(
        self, migrations: Migrations, settings: DatabaseSettings
    ) -> None:
        behind, other = Database(settings, migrations=migrations), Database(settings)
        async with behind, other:
            [answer] = await responses_of(other, statement=READ, main=behind)

        assert (answer.status_code, answer.json()["type"]) == (500, "urn:wellhead:programming")

    async def test_many_failures_look_at_the_schema_once(
        self, migrations: Migrations, settings: DatabaseSettings
    ) -> None:
        async with Database(settings, migrations=migrations) as database:
            looked = 0
            read = migrations.read_state

            async def counted(connection: AsyncConnection) -> SchemaState:
                nonlocal looked
                looked += 1
                return await read(connection)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(schema, "DOUBT_AGAIN_AFTER", 3600.0)
                patch.setattr(migrations, "read_state", counted)
                await responses_of(database, statement=READ, count=5)

        assert looked == 1


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
