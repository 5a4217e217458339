"""The databases of one run of tests: one template, and a copy of it for each worker.

Their names and comments mark them. Only a database with both marks is ever dropped.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import asyncpg

from wellhead.connecting.asyncpg_connection import AsyncpgConnection
from wellhead.connecting.engine import connect_args
from wellhead.errors import ConfigurationError
from wellhead.settings import DatabaseSettings
from wellhead.url import PostgresURL

PREFIX = "wellhead_test_"
_COMMENT = "Made by wellhead.testing for run "
_WITH_STRATEGY = 15
"""The first version of PostgreSQL that lets one choose how a template is copied."""


async def connect(
    settings: DatabaseSettings, database: str, **server_settings: str
) -> AsyncpgConnection:
    """Connect to a database of the server that these settings name, by asyncpg."""
    assert isinstance(settings.url, PostgresURL)  # noqa: S101 - see serving
    url = replace(settings.url, driver="asyncpg", database=database)
    endless = {"url": url, "command_timeout": None, "statement_timeout": None, "lock_timeout": None}
    arguments = connect_args(settings.model_copy(update=endless))
    arguments["server_settings"] = {**arguments.get("server_settings", {}), **server_settings}
    target = url.sqlalchemy_url()
    given = {"host": target.host, "port": target.port, "user": target.username}
    given |= {"password": target.password, "database": database}
    found = {name: value for name, value in given.items() if value is not None}
    return await asyncpg.connect(connection_class=AsyncpgConnection, **{**found, **arguments})


class DatabasesOfRun:
    """Makes and drops the databases of one run, for one of its workers.

    Args:
        settings: The server, and the database on it to which one connects to make others.
        run: By which this run is known; the same for all its workers.
        schema: By which the schema is known, of which a run may have several.
        worker: By which the worker is known.
    """

    def __init__(self, settings: DatabaseSettings, run: str, schema: str, worker: str) -> None:
        self._settings = settings
        self._run = run
        self._presence = f"{PREFIX}{run}_{schema}"
        self._template = f"{self._presence}_template"
        self.name = f"{self._presence}_{worker}"
        self._connection: Any = None

    async def open(self) -> None:
        """Connect, and drop what runs that were killed have left.

        Raises:
            ConfigurationError: The role may not create databases.
        """
        url = self._settings.url
        assert isinstance(url, PostgresURL)  # noqa: S101 - see serving
        # Seen from every database of the server, where an advisory lock is not.
        self._connection = await connect(
            self._settings, url.database, application_name=self._presence
        )
        try:
            await self._begin()
        except BaseException:
            await self._connection.close()
            raise

    async def _begin(self) -> None:
        role = await self._connection.fetchrow(
            "SELECT rolname, rolcreatedb OR rolsuper AS may FROM pg_roles "
            "WHERE rolname = current_user"
        )
        if not role["may"]:
            raise ConfigurationError(
                f"The role {role['rolname']!r} of TEST_DATABASE_URL may not create databases.",
                hint=f'ALTER ROLE "{role["rolname"]}" CREATEDB, or leave TEST_DATABASE_URL out for '
                "a server that the tests start themselves.",
            )
        await self._drop_leftovers()

    async def make(self, migrate: Callable[[str], Any]) -> None:
        """Make this worker's database, and the template where no other worker has.

        Args:
            migrate: Given the template's name, makes the schema there; awaited.
        """
        key = _key(self._template)
        await self._execute("SELECT pg_advisory_lock($1)", key)
        try:
            if not await self._is_ours(self._template):
                making = f"{self._template}_making"
                await self._drop(making)
                await self._create(making, "template0")
                await migrate(making)
                # Another worker must not take a half-made one for the template.
                await self._execute(f'ALTER DATABASE "{making}" RENAME TO "{self._template}"')
        finally:
            await self._execute("SELECT pg_advisory_unlock($1)", key)
        await self.renew()

    async def renew(self) -> None:
        """Make this worker's database as the template is."""
        await self._drop(self.name)
        await self._create(self.name, self._template)

    async def close(self) -> None:
        """Drop what was made; the last worker drops the template."""
        try:
            await self._drop(self.name)
            # One after the other, so that one of them is the last.
            await self._execute("SELECT pg_advisory_lock($1)", _key(self._template))
            await self._execute("SET application_name TO ''")
            if not await self._is_present(self._presence):
                await self._drop(self._template)
        finally:
            await self._connection.close()

    async def _drop_leftovers(self) -> None:
        rows = await self._connection.fetch(
            "SELECT datname, substr(shobj_description(d.oid, 'pg_database'), $2) AS run "
            "FROM pg_database d WHERE starts_with(datname, $1) "
            "AND starts_with(shobj_description(d.oid, 'pg_database'), $3) "
            "AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)",
            PREFIX, len(_COMMENT) + 1, _COMMENT,
        )  # fmt: skip
        for row in rows:
            if not await self._is_present(f"{PREFIX}{row['run']}_"):
                # Another run may drop it at the same time, or a client may come.
                with suppress(asyncpg.ObjectInUseError, asyncpg.InvalidCatalogNameError):
                    await self._execute(f'DROP DATABASE IF EXISTS "{row["datname"]}"')

    async def _is_present(self, presence: str) -> bool:
        """Whether a worker is connected whose presence begins so."""
        found = await self._connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE starts_with(application_name, $1))",
            presence,
        )
        return bool(found)

    async def _is_ours(self, name: str) -> bool:
        comment = await self._connection.fetchval(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1", name
        )
        return bool(comment == _COMMENT + self._run)

    async def _create(self, name: str, template: str) -> None:
        # Files are copied in half the time that writing them through the log takes.
        major = self._connection.get_server_version().major
        how = " STRATEGY file_copy" if major >= _WITH_STRATEGY else ""
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"{how}')
        await self._execute(f"COMMENT ON DATABASE \"{name}\" IS '{_COMMENT}{self._run}'")

    async def _drop(self, name: str) -> None:
        if await self._is_ours(name):
            await self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    async def _execute(self, sql: str, *arguments: Any) -> None:
        await self._connection.execute(sql, *arguments)


def _key(text: str) -> int:
    digest = hashlib.sha256(f"wellhead.testing, {text}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
