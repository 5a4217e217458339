"""Whether the server has enough connections for every process that has a pool."""

import logging

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from wellhead.pool import AsyncPool
from wellhead.pool.policy import overbooking
from wellhead.sessions.commits import READS
from wellhead.sessions.leftovers import TRANSACTIONAL
from wellhead.settings import DatabaseSettings

logger = logging.getLogger(__package__)

_LIMITS = text(
    "SELECT current_setting('max_connections')::int,"
    " current_setting('superuser_reserved_connections')::int"
)


async def warn_if_overbooked(connection: AsyncConnection, settings: DatabaseSettings) -> None:
    """Warn if all processes may open more connections than the server allows.

    Asks on a connection that is already open, in one statement outside a transaction. If the server
    does not reply, there is no warning.

    Args:
        connection: A direct connection to the server, from the pool in question.
        settings: The pool's settings, which say how many processes have one like it.
    """
    pool = connection.sync_engine.pool
    if not isinstance(pool, AsyncPool):
        return
    plain = await connection.execution_options(
        isolation_level="AUTOCOMMIT", **{READS: True, TRANSACTIONAL: True}
    )
    try:
        max_connections, reserved = (await plain.execute(_LIMITS)).one()
    except DBAPIError:
        logger.debug("the server did not report its max_connections", exc_info=True)
        return
    numbers = {
        "max_connections": max_connections,
        "reserved": reserved,
        "processes": settings.pool_processes,
        "per_process": pool.policy.limit,
    }
    sentence = overbooking(**numbers)
    if sentence is not None:
        logger.warning(
            "%s Lower %s and %s; `wellhead pool-size` computes them.",
            sentence,
            settings.variable_of("pool_size"),
            settings.variable_of("max_overflow"),
            extra={"event": "pool_overbooked", **numbers},
        )
