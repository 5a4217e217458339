"""A project whose environment names a production database cannot touch it from its tests."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from alembic import command
from alembic.config import Config
from pydantic_settings import BaseSettings
from sqlalchemy import make_url
from sqlmodel import select
from typer.testing import CliRunner

from tests.staging.scripts import NO_POND, POND, Scripts, tables
from wellhead import Database, DatabaseSettings, MigrationError, PostgresURL
from wellhead.cli.app import app
from wellhead.migrations import Migrations

Give = Callable[[str], DatabaseSettings]


class Production:
    """A server that counts connections, and never responds."""

    def __init__(self) -> None:
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self) -> None:
        """No connection is counted any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture(params=["asyncpg", "psycopg"])
def scratch_url(request: pytest.FixtureRequest, database_url: str) -> str:
    """The test's own database, by either driver."""
    return database_url.replace("postgresql://", f"postgresql+{request.param}://")


@pytest.fixture
def production(
    request: pytest.FixtureRequest,
    scratch_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Production]:
    """A server that is named as production ones are, with a database of the same name."""
    server = Production()
    name = scratch_url.rpartition("/")[2]
    url = f"postgresql://prod:s3cret@127.0.0.1:{server.port}/{name}"
    variables = {"DATABASE_URL": url, "DATABASE_URL_DIRECT": url}
    place = getattr(request, "param", ".env")
    if place == "files":
        (tmp_path / "secret").write_text(url)
        variables = {f"{variable}_FILE": str(tmp_path / "secret") for variable in variables}
    variables |= {"DATABASE_POOL_SIZE": "1", "DATABASE_MAX_OVERFLOW": "0"}
    if place == "environment":
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
    else:
        lines = [f"{variable}={value}\n" for variable, value in variables.items()]
        (tmp_path / ".env").write_text("".join(lines))
        monkeypatch.chdir(tmp_path)
    yield server
    server.close()


def by_url(url: str) -> DatabaseSettings:
    return DatabaseSettings(url=url)


def by_sqlalchemy_url(url: str) -> DatabaseSettings:
    return DatabaseSettings(url=make_url(url))


def by_parts(url: str) -> DatabaseSettings:
    parts = make_url(url)
    return DatabaseSettings(
        host=parts.host,
        port=parts.port,
        user=parts.username,
        password=parts.password,
        name=parts.database,
        driver=parts.get_driver_name(),
    )


def by_validation(url: str) -> DatabaseSettings:
    return DatabaseSettings.model_validate({"url": url})


def by_copy(url: str) -> DatabaseSettings:
    changes = {"url": url, "pool_size": 10, "max_overflow": 20}
    return DatabaseSettings().model_copy(update=changes)


def by_class(url: str) -> DatabaseSettings:
    scratch = PostgresURL.parse(url)

    class ScratchSettings(DatabaseSettings):
        url: PostgresURL = scratch

    return ScratchSettings()


def nested(url: str) -> DatabaseSettings:
    class AppSettings(BaseSettings):
        database: DatabaseSettings

    return AppSettings.model_validate({"database": {"url": url}}).database


def by_prefix(url: str) -> DatabaseSettings:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCRATCH_DATABASE_URL", url)
        return DatabaseSettings(env_prefix="SCRATCH_DATABASE_")


WAYS: tuple[Give, ...] = (
    by_url,
    by_sqlalchemy_url,
    by_parts,
    by_validation,
    by_copy,
    by_class,
    nested,
    by_prefix,
)


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    scripts = Scripts(tmp_path / "migrations")
    scripts.add("0001", POND, NO_POND)
    return scripts


@pytest.mark.parametrize(
    ("production", "give"),
    [*((".env", give) for give in WAYS), ("environment", by_url), ("files", by_url)],
    indirect=["production"],
)
def test_what_is_given_in_code_stands_alone(
    give: Give, production: Production, scratch_url: str, scripts: Scripts
) -> None:
    settings = give(scratch_url)
    asyncio.run(use(settings))
    migrations = Migrations(scripts.directory, settings=settings)
    migrations.upgrade()
    migrations.sql()
    differences, made = migrations.differences(), tables(plain(scratch_url))
    migrations.downgrade("base")

    assert (differences, made, migrations.state().position) == ("", {"pond"}, "behind")
    assert (settings.url_direct, settings.pool_size, production.connections) == (None, 10, 0)


async def use(settings: DatabaseSettings) -> None:
    async def work(session: object) -> None:
        assert session is not None

    async with Database(settings) as database:
        async with database.session() as session_, database.reader() as reader:
            await session_.exec(select(1))
            await reader.exec(select(1))
        await database.run(work)
        await database.check()


def test_a_url_of_the_environment_is_not_completed_by_the_file(
    production: Production, scratch_url: str, scripts: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL_DIRECT", "DATABASE_URL_FILE", "DATABASE_URL_DIRECT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", scratch_url)
    ended = [
        CliRunner().invoke(app, [*words, "--scripts", str(scripts.directory)]).exit_code
        for words in (["migrate", "up"], ["migrate", "status"], ["migrate", "down", "base"])
    ]
    ended.append(CliRunner().invoke(app, ["wait", "--direct"]).exit_code)

    assert (ended, production.connections) == ([0, 0, 0, 0], 0)


def test_the_command_with_a_prefix_goes_to_that_database(
    production: Production, scratch_url: str, scripts: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRATCH_DATABASE_URL", scratch_url)
    at = ["--scripts", str(scripts.directory)]
    commands = (
        ["wait", "--direct"],
        ["migrate", "up", *at],
        ["migrate", "status", *at],
        ["migrate", "check", *at],
        ["migrate", "sql", *at],
        ["migrate", "new", "Empty", *at],
        ["migrate", "down", "base", *at],
    )
    ended = {
        " ".join(words[:2]): CliRunner().invoke(app, ["--prefix", "SCRATCH_DATABASE_", *words])
        for words in commands
    }

    assert {name: done.exit_code for name, done in ended.items() if done.exit_code} == {}
    assert production.connections == 0


def test_the_command_alembic_goes_where_the_environment_says(
    production: Production, scratch_url: str, scripts: Scripts
) -> None:
    (scripts.directory.parent / "alembic.ini").write_text("[alembic]\nscript_location=migrations\n")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("DATABASE_")
    }
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=scripts.directory.parent,
        env={**environment, "DATABASE_URL": scratch_url},
        check=True,
    )

    assert (tables(plain(scratch_url)), production.connections) == ({"pond"}, 0)


def plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def test_a_url_in_the_configuration_of_alembic_is_not_passed_over(
    production: Production, scratch_url: str, scripts: Scripts
) -> None:
    config = Config()
    config.set_main_option("script_location", str(scripts.directory))
    config.set_main_option("sqlalchemy.url", scratch_url)

    with pytest.raises(MigrationError, match=r"sets sqlalchemy\.url"):
        command.upgrade(config, "head")

    assert production.connections == 0


def test_a_connection_in_the_configuration_of_alembic_is_the_one_that_is_used(
    production: Production, scratch_url: str, scripts: Scripts
) -> None:
    async def migrate() -> None:
        async with (
            Database(DatabaseSettings(url=scratch_url)) as database,
            database.engine.begin() as connection,
        ):
            await connection.run_sync(upgrade)

    def upgrade(connection: object) -> None:
        config = Config()
        config.set_main_option("script_location", str(scripts.directory))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    asyncio.run(migrate())

    assert (tables(plain(scratch_url)), production.connections) == ({"pond"}, 0)


def test_the_counter_counts(production: Production) -> None:
    with pytest.raises(Exception, match="Could not connect"):
        asyncio.run(use(DatabaseSettings(connect_retry_count=1)))

    assert production.connections > 0
