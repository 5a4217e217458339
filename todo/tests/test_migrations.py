"""The migrations make what the models say, and can be taken back."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from staged import KEY, running

import todo
from tests.staging.databases import Databases
from todo.main import create_app
from todo.settings import Settings
from todo.tables import metadata
from wellhead import Database, DatabaseSettings
from wellhead.health import schema
from wellhead.migrations import Migrations

MIGRATIONS = Path(todo.__file__).parent / "migrations"
REPOSITORY = Path(__file__).parents[2]

CATALOG = {
    "columns": """
        SELECT table_name, column_name, data_type, is_nullable, collation_name, column_default,
               is_generated, generation_expression
        FROM information_schema.columns
        JOIN information_schema.tables USING (table_schema, table_name)
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
    """,
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}

PROGRAMS = {
    "functions": "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "triggers": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
}
"""What the migrations make and no model says."""


@pytest.fixture
def settings(database_url: str) -> DatabaseSettings:
    return DatabaseSettings(url=database_url)


@pytest.fixture
def other_settings(databases: Databases) -> Iterator[DatabaseSettings]:
    url = databases.create()
    yield DatabaseSettings(url=url)
    databases.drop(url)


async def catalog_of(
    settings: DatabaseSettings, queries: Mapping[str, str] = CATALOG
) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that the schema holds, but for Alembic's own table."""
    found = {}
    async with Database(settings) as database, database.engine.connect() as connection:
        for kind, query in queries.items():
            rows = (await connection.execute(text(query))).all()
            found[kind] = sorted(
                (tuple(row) for row in rows if row[0] != "alembic_version"), key=str
            )
    return found


def up(settings: DatabaseSettings) -> None:
    Migrations(MIGRATIONS, settings=settings).upgrade()


def test_up_down_and_up_again_ends_where_it_began(settings: DatabaseSettings) -> None:
    whole = {**CATALOG, **PROGRAMS}
    up(settings)
    first = asyncio.run(catalog_of(settings, whole))
    Migrations(MIGRATIONS, settings=settings).downgrade("base")
    nothing = asyncio.run(catalog_of(settings, whole))
    up(settings)

    assert all(first.values())
    assert nothing == {kind: [] for kind in whole}
    assert asyncio.run(catalog_of(settings, whole)) == first


def test_the_migrations_make_exactly_what_the_models_say(
    settings: DatabaseSettings, other_settings: DatabaseSettings
) -> None:
    async def make_from_models() -> None:
        async with Database(other_settings) as database, database.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)

    up(settings)
    asyncio.run(make_from_models())

    assert asyncio.run(catalog_of(settings)) == asyncio.run(catalog_of(other_settings))


def test_alembic_finds_nothing_to_generate(settings: DatabaseSettings) -> None:
    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, metadata))

    async def compare() -> list[Any]:
        async with Database(settings) as database, database.engine.connect() as connection:
            return await connection.run_sync(differences)

    up(settings)

    assert asyncio.run(compare()) == []


async def test_every_time_has_a_zone(wellhead_url: str) -> None:
    catalog = await catalog_of(DatabaseSettings(url=wellhead_url))
    kinds = {column[2] for column in catalog["columns"]}

    assert "timestamp with time zone" in kinds
    assert not kinds & {"timestamp without time zone", "date", "time without time zone"}


async def test_every_constraint_is_named_by_its_kind_and_table(wellhead_url: str) -> None:
    catalog = await catalog_of(DatabaseSettings(url=wellhead_url))
    prefixes = {"p": "pk", "f": "fk", "u": "uq", "c": "ck"}

    for table, name, kind, _ in catalog["constraints"]:
        prefix = f"{prefixes[kind]}_{table}"
        assert name.startswith(prefix)
        assert not name.startswith(f"{prefix}_{prefix}")


async def test_what_belongs_to_an_account_goes_with_it(wellhead_url: str) -> None:
    catalog = await catalog_of(DatabaseSettings(url=wellhead_url))
    references = {name: rule for _, name, kind, rule in catalog["constraints"] if kind == "f"}

    assert references
    assert {name for name, rule in references.items() if "ON DELETE CASCADE" not in rule} == set()


@pytest.fixture
def in_the_repository(database_url: str, tmp_path: Path) -> Callable[..., str]:
    """Run a command in a fresh copy of the repository and return what it prints."""
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    shutil.copytree(
        REPOSITORY / "todo/src",
        tmp_path / "todo/src",
        ignore=shutil.ignore_patterns("__pycache__"),
    )

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env={**os.environ, "DATABASE_URL": database_url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_alembic_itself_works_in_the_root_of_the_repository(
    in_the_repository: Callable[..., str], tmp_path: Path
) -> None:
    alembic = partial(in_the_repository, "alembic")
    alembic("upgrade", "head")
    before = alembic("current")
    checked = alembic("check")
    sql = alembic("upgrade", "head", "--sql")
    alembic("revision", "--autogenerate", "-m", "nothing yet")
    added = list((tmp_path / "todo/src/todo/migrations/versions").glob("*_nothing_yet.py"))
    alembic("upgrade", "head")
    back = alembic("downgrade", "-1")

    assert "(head)" in before
    assert "No new upgrade operations detected" in checked
    assert "CREATE TABLE tasks" in sql
    assert len(added) == 1
    assert "pass" in added[0].read_text()
    assert "(nothing yet.)" in back


def test_wellhead_itself_works_in_the_root_of_the_repository(
    in_the_repository: Callable[..., str],
) -> None:
    migrate = partial(in_the_repository, "wellhead", "migrate")
    migrate("up")

    assert migrate("up") == "Nothing to do.\n"
    assert migrate("status").startswith("The schema is at head: ")
    assert migrate("check").startswith("The models equal the schema: ")
    assert "CREATE TABLE tasks" in migrate("sql")
    assert "took back 0001" in migrate("down", "base")


async def test_the_api_is_ready_once_its_migrations_have_run(
    database_url: str, settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setattr(schema, "ASK_AGAIN_AFTER", 0.0)
    app = create_app(Settings(jwt_secret_key=KEY))
    async with running(app) as client:
        before = await client.get("/health/db")
        await asyncio.to_thread(up, settings)
        after = await client.get("/health/db")

    assert (before.status_code, before.json()["type"]) == (503, "urn:wellhead:schema_behind")
    assert (after.status_code, after.json()["migrations"]) == (200, "at_head")
