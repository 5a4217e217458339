"""The direct connection: past the pooler, without a request's limits, under a name of its own."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncConnection

from wellhead.connecting import Connector, Source, build_engine, connect_first, plan_pool
from wellhead.connecting.blocking import blocking_engine
from wellhead.errors import MigrationError
from wellhead.retry import connect_with_retry
from wellhead.settings import DatabaseSettings
from wellhead.url import PostgresURL


def direct_settings(
    settings: DatabaseSettings, *, purpose: str = "wellhead migrate"
) -> DatabaseSettings:
    """The settings as migrations need them: past the pooler, without a request's limits.

    So do dumps, and other work that takes long. A wait for a lock ends as a migration's does.

    Args:
        settings: The application's.
        purpose: What ``pg_stat_activity`` calls the connections, before host and process.

    Raises:
        URLError: The URL leads to a pooler whose direct address cannot be derived.
        MigrationError: The database is not a PostgreSQL.
    """
    url = settings.direct_url()
    if not isinstance(url, PostgresURL):
        raise MigrationError(
            f"Migrations need PostgreSQL, and {settings.variable_of('url')} is an in-memory SQLite "
            "database, which would be gone when the command ends.",
            hint="Make its tables with metadata.create_all instead.",
        )
    process = f"{purpose}, {socket.gethostname()}, process {os.getpid()}"
    return settings.model_copy(
        update={
            # Also what was given as the direct URL must not be a pooler's.
            "url": url.direct(),
            "pool_mode": "none",
            "application_name": process[:63],
            # A migration may rightly take longer than a request's statement.
            "command_timeout": None,
            "statement_timeout": None,
            "idle_in_transaction_timeout": 0,
            "slow_query_threshold": None,
            "lock_timeout": settings.migration_lock_timeout,
            # A migration changes what prepared statements rely on.
            "prepared_statements": "off",
        }
    )


def direct_connector(source: Source | None) -> Connector:
    """What connects past the pooler for migrations, with the hooks of a database."""
    connector = Connector.of(source)
    return connector.toward(direct_settings(connector.settings))


def sync_engine(settings: Source | None = None, **options: Any) -> Engine:
    """An engine without asyncio on the direct URL, for an ``env.py`` that stays as it is.

    It takes no lock and does not give way to traffic; :func:`run_env` does. Its connections are
    psycopg's, one for each use, made with credentials and set-up in an event loop of their own.

    Args:
        settings: Settings, or a :class:`wellhead.Database` for its settings and hooks, which need
            not be open; None reads the environment, now.
        options: Arguments for ``create_engine``.

    Raises:
        URLError: The URL leads to a pooler whose direct address cannot be derived.
        ConfigurationError: psycopg is not installed, or the database has a ``set_up`` and its URL
            does not name psycopg.
    """
    return blocking_engine(direct_connector(settings), **options)


@asynccontextmanager
async def direct_connection(connector: Connector) -> AsyncIterator[AsyncConnection]:
    """A connection of :func:`direct_connector`; its engine opens another one for each use.

    Waits for a server that is still starting, as :meth:`Database.open` does.

    Raises:
        ConnectError: The server could not be reached, or refused.
    """
    settings = connector.settings
    engine = build_engine(connector, plan_pool(settings))
    try:
        connection = await connect_with_retry(
            partial(connect_first, engine, connector),
            attempts=settings.connect_retry_count,
            delay=settings.connect_retry_delay,
        )
        async with aclosing(connection):
            yield connection
    finally:
        await connector.close()
        await engine.dispose()
