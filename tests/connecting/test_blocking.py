"""An engine without asyncio, whose connections are made like all others."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.composite import CompositeInfo, register_composite
from sqlalchemy import text

from tests.staging.scripts import NO_POND, POND, Scripts, guest, tables
from wellhead import ConfigurationError, Database, DatabaseSettings, SetUpError, URLError
from wellhead.migrations import sync_engine

ZONE = "SELECT current_setting('timezone')"


@pytest.fixture
def psycopg_url(database_url: str) -> str:
    return database_url.replace("postgresql", "postgresql+psycopg", 1)


async def set_zone(connection: Any) -> None:
    await connection.execute("SET TIME ZONE 'Asia/Tokyo'")


def test_each_connection_has_credentials_and_is_set_up(psycopg_url: str) -> None:
    plain = psycopg_url.replace("+psycopg", "")
    with guest(plain, "secret") as url:

        async def give() -> str:
            return "secret"

        without = url.replace(":secret", "").replace("postgresql", "postgresql+psycopg", 1)
        database = Database(DatabaseSettings(url=without), credentials=give, set_up=set_zone)
        engine = sync_engine(database)
        with engine.connect() as connection, engine.connect() as another:
            zones = [each.scalar(text(ZONE)) for each in (connection, another)]

    assert zones == ["Asia/Tokyo"] * 2


def test_what_the_set_up_taught_of_types_is_known(psycopg_url: str) -> None:
    with psycopg.connect(psycopg_url.replace("+psycopg", "")) as admin:
        admin.execute("CREATE TYPE pair AS (one int, two int)")

    async def know_pairs(connection: Any) -> None:
        info = await CompositeInfo.fetch(connection, "pair")
        assert info is not None
        register_composite(info, connection)

    engine = sync_engine(Database(DatabaseSettings(url=psycopg_url), set_up=know_pairs))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT (1, 2)::pair")) == (1, 2)


async def test_it_works_where_a_loop_is_running(psycopg_url: str) -> None:
    engine = sync_engine(Database(DatabaseSettings(url=psycopg_url), set_up=set_zone))
    with engine.connect() as connection:
        assert connection.scalar(text(ZONE)) == "Asia/Tokyo"


def test_without_a_set_up_the_url_may_name_asyncpg(database_url: str) -> None:
    with sync_engine(DatabaseSettings(url=database_url)).begin() as connection:
        assert connection.scalar(text("SELECT 1")) == 1


def test_a_set_up_for_asyncpg_is_refused(database_url: str) -> None:
    with pytest.raises(ConfigurationError, match="psycopg"):
        sync_engine(Database(DatabaseSettings(url=database_url), set_up=set_zone))


def test_a_set_up_that_fails_is_a_clear_error(psycopg_url: str) -> None:
    async def fail(_: Any) -> None:
        raise ValueError

    engine = sync_engine(Database(DatabaseSettings(url=psycopg_url), set_up=fail))
    with pytest.raises(SetUpError, match="ValueError"):
        engine.connect()


def test_it_goes_past_the_pooler() -> None:
    with pytest.raises(URLError, match="DATABASE_URL_DIRECT"):
        sync_engine(DatabaseSettings(url="postgresql://u:p@127.0.0.1:1/nowhere?pgbouncer=true"))


PLAIN_ENV = """
from alembic import context
from sqlalchemy import MetaData
from wellhead import Database
from wellhead.migrations import sync_engine

async def set_up(connection):
    await connection.execute("SET TIME ZONE 'Asia/Tokyo'")

connectable = sync_engine(Database(set_up=set_up))
with connectable.connect() as connection:
    assert connection.exec_driver_sql("SHOW timezone").scalar() == "Asia/Tokyo"
    connection.rollback()
    context.configure(connection=connection, target_metadata=MetaData())
    with context.begin_transaction():
        context.run_migrations()
"""


def test_alembics_plain_env_py_migrates_with_it(
    tmp_path: Path, psycopg_url: str, database_url: str
) -> None:
    scripts = Scripts(tmp_path / "scripts")
    scripts.add("0001", POND, NO_POND)
    (scripts.directory / "env.py").write_text(PLAIN_ENV)
    (tmp_path / "alembic.ini").write_text(f"[alembic]\nscript_location = {scripts.directory}\n")
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-m", "alembic", "upgrade", "head"],
        cwd=tmp_path,
        env={**os.environ, "DATABASE_URL": psycopg_url},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "ResourceWarning" not in done.stderr
    assert tables(database_url) == {"pond"}
