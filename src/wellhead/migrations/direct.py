"""The direct connection: past the pooler, without a request's limits, under a name of its own."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from wellhead.connecting import build_engine, connect_first, plan_pool
from wellhead.errors import MigrationError
from wellhead.retry import connect_with_retry
from wellhead.settings import DatabaseSettings
from wellhead.url import PostgresURL


def direct_settings(settings: DatabaseSettings) -> DatabaseSettings:
    """The settings as migrations need them: past the pooler, without a request's limits.

    Raises:
        URLError: The URL leads to a pooler whose direct address cannot be derived.
        MigrationError: The database is not a PostgreSQL.
    """
    url = settings.direct_url()
    if not isinstance(url, PostgresURL):
        raise MigrationError(
            "Migrations need PostgreSQL, and DATABASE_URL is an in-memory SQLite database, which "
            "would be gone when the command ends.",
            hint="Make its tables with metadata.create_all instead.",
        )
    process = f"wellhead migrate, {socket.gethostname()}, process {os.getpid()}"
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


@asynccontextmanager
async def direct_connection(settings: DatabaseSettings) -> AsyncIterator[AsyncConnection]:
    """A connection for :func:`direct_settings`; its engine opens another one for each use.

    Waits for a server that is still starting, as :meth:`Database.open` does.

    Raises:
        ConnectError: The server could not be reached, or refused.
    """
    engine = build_engine(settings, plan_pool(settings))
    try:
        connection = await connect_with_retry(
            partial(connect_first, engine, settings),
            attempts=settings.connect_retry_count,
            delay=settings.connect_retry_delay,
        )
        async with aclosing(connection):
            yield connection
    finally:
        await engine.dispose()
