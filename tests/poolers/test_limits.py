"""What else must hold through a pooler: limits, names, the state of the schema, and waiting."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from tests.staging.pgbouncer import PgBouncer
from tests.staging.scripts import POND, Scripts, tables
from wellhead import Database, DatabaseSettings, URLError
from wellhead.cli.app import app
from wellhead.migrations import Migrations


async def shown(database: Database, name: str) -> str:
    async with database.session() as session:
        connection = await session.connection()
        return str(await connection.scalar(text(f"SHOW {name}")))


async def test_the_servers_limits_hold_in_a_transaction_and_not_after_it(pooled_url: str) -> None:
    limited = DatabaseSettings(url=pooled_url, statement_timeout=5, lock_timeout=1.5)
    async with (
        Database(limited) as database,
        # The pooler lends it the connections that the other has just used.
        Database(DatabaseSettings(url=pooled_url, command_timeout=None)) as other,
    ):
        inside = [await shown(database, name) for name in ("statement_timeout", "lock_timeout")]
        after = [await shown(other, "statement_timeout") for _ in range(5)]

    assert inside == ["5s", "1500ms"]
    assert after == ["0"] * 5


async def test_the_application_is_known_by_its_name(pooled_url: str) -> None:
    settings = DatabaseSettings(url=pooled_url, application_name="the shop")
    async with Database(settings) as database:
        assert await shown(database, "application_name") == "the shop"


async def test_the_state_of_the_schema_is_read_through_the_pooler(
    pooled_url: str, database_url: str, tmp_path: Path
) -> None:
    scripts = Scripts(tmp_path / "scripts")
    scripts.add("0001", POND)
    settings = DatabaseSettings(url=pooled_url, url_direct=database_url)
    migrations = Migrations(scripts.directory, settings=settings)
    await asyncio.to_thread(migrations.upgrade)
    async with Database(settings, migrations=migrations) as database:
        report = await database.check()

    assert tables(database_url) == {"pond"}
    assert report.schema is not None
    assert report.schema.position == "at_head"


def test_nothing_is_migrated_through_the_pooler(pooled_url: str, tmp_path: Path) -> None:
    scripts = Scripts(tmp_path / "scripts")
    scripts.add("0001", POND)

    with pytest.raises(URLError, match="reaches a pooler"):
        Migrations(scripts.directory, settings=DatabaseSettings(url=pooled_url)).upgrade()


def test_a_pooler_with_its_server_is_waited_for(
    pooled_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", pooled_url)

    assert CliRunner().invoke(app, ["wait", "--timeout", "30"]).exit_code == 0


def test_a_pooler_without_its_server_is_not_taken_for_a_database(
    pooler: PgBouncer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = "postgresql://wellhead:secret@127.0.0.1:1/shop"
    with PgBouncer(pooler.kind, nowhere, tmp_path) as alone:
        monkeypatch.setenv("DATABASE_URL", alone.url(nowhere))
        done = CliRunner().invoke(app, ["wait", "--timeout", "1"])

    assert done.exit_code == 3
