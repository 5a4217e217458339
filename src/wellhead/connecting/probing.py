"""The probe's query: on a connection outside the pool, made like every other one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util.concurrency import greenlet_spawn

from wellhead.connecting.connector import Connector, probing
from wellhead.pool.connection_state import driver_of, terminate
from wellhead.url import PostgresURL, SQLiteURL

PROBE_TIMEOUT = 3.0
"""Seconds for the whole probe, or the connect timeout if that is shorter."""


def probe(connector: Connector, engine: AsyncEngine) -> Callable[[], Awaitable[bool]]:
    """A function that opens a connection outside the pool, sends one query and closes it.

    It returns whether the server refuses writes although the URL does not ask for such a server,
    and raises a :class:`wellhead.ConnectError` if all that takes longer than ``PROBE_TIMEOUT``.
    Except for the pool, the connection is like any other of the engine: SQLAlchemy's
    ``do_connect`` event is emitted.
    """
    limit = min(connector.settings.effective_connect_timeout, PROBE_TIMEOUT)

    async def ask() -> bool:
        with probing(limit):
            deadline = asyncio.get_running_loop().time() + limit
            create: Any = engine.sync_engine.pool._invoke_creator  # noqa: SLF001 - tests/test_undocumented_names.py
            connection = driver_of(await greenlet_spawn(create, None))
            try:
                async with asyncio.timeout_at(deadline):
                    is_read_only = await _is_read_only(connection, connector.settings.url)
                    await connection.close()
            except Exception as error:
                raise connector.translate(error, limit=limit) from error
            finally:
                # On a silent network, a clean close would have to be waited for, too.
                terminate(connection)
            return is_read_only

    return ask


async def _is_read_only(connection: Any, url: PostgresURL | SQLiteURL) -> bool:
    # On for a standby, too: https://www.postgresql.org/docs/current/hot-standby.html
    question = "SELECT current_setting('transaction_read_only')"
    if not isinstance(url, PostgresURL):
        await connection.execute("SELECT 1")
        return False
    if isinstance(connection, asyncpg.Connection):
        answer = await connection.fetchval(question)
    else:
        cursor = await connection.execute(question)
        (answer,) = await cursor.fetchone()
    return answer == "on" and not url.parameters.wants_no_writes
