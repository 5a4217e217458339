"""What else must hold through a pooler: limits, names, the state of the schema, and waiting."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, text
from sqlmodel import select
from typer.testing import CliRunner

from tests.staging.pgbouncer import PgBouncer
from tests.staging.scripts import POND, Scripts, tables
from tests.staging.slow_commit import SLOW_COMMIT
from wellhead import CommandTimeoutError, Database, DatabaseSettings, URLError
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


async def test_a_pooler_is_not_sent_what_it_would_refuse(pooled_url: str) -> None:
    async with Database(DatabaseSettings(url=pooled_url, jit=False)) as database:
        assert await shown(database, "jit") == "on"


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

    with pytest.raises(URLError, match="leads to a pooler"):
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


SLEEP = text("SELECT pg_sleep(60)")


async def read(database: Database) -> None:
    async with database.reader() as reader:
        await reader.exec(select(func.pg_sleep(60)))


async def read_text(database: Database) -> None:
    async with database.reader() as reader:
        await reader.exec(SLEEP)


async def write(database: Database) -> None:
    async with database.session() as session:
        await (await session.connection()).execute(SLEEP)


async def stream(database: Database) -> None:
    slow = text("SELECT pg_sleep((n / 100) * 60) FROM generate_series(1, 199) n")
    async with database.session() as session:
        connection = await session.connection(execution_options={"yield_per": 10})
        async for _ in await connection.stream(slow):
            pass


@pytest.mark.parametrize("work", [read, read_text, write, stream])
async def test_the_command_timeout_holds_for_every_statement_and_costs_no_connection(
    pooled_url: str, database_url: str, work: Callable[[Database], Awaitable[None]]
) -> None:
    settings = DatabaseSettings(url=pooled_url, command_timeout=0.5, pool_size=1, max_overflow=0)
    async with Database(settings) as database:
        before = database.stats().opened
        with pytest.raises(CommandTimeoutError, match=r"longer than 0\.5 s"):
            await work(database)
        async with database.reader() as reader:
            assert (await reader.exec(select(1))).one() == 1
        assert database.stats().opened == before
    async with await psycopg.AsyncConnection.connect(database_url) as observer:
        asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        assert await (await observer.execute(asleep)).fetchone() == (0,)


async def test_a_commit_under_psycopg_is_not_cut_by_the_command_timeout(
    pooler: PgBouncer, database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(SLOW_COMMIT)
    url = pooler.url(database_url).replace("postgresql://", "postgresql+psycopg://")
    async with Database(DatabaseSettings(url=url, command_timeout=0.5)) as database:
        async with database.session() as session:
            await (await session.connection()).execute(text("INSERT INTO note VALUES (1.5)"))
        async with database.reader() as reader:
            assert (await reader.exec(text("SELECT count(*) FROM note"))).scalar_one() == 1
