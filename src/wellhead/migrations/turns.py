"""Whose turn it is to migrate: an advisory lock on a connection that does nothing else.

It is the session's lock, on a connection that sits idle outside any transaction: a transaction
that stayed open would make ``CREATE INDEX CONCURRENTLY`` wait for it for ever.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from wellhead.errors import MigrationBusyError, MigrationError
from wellhead.retry import up_to
from wellhead.settings import DatabaseSettings

logger = logging.getLogger(__package__)

# Any constant will do, as long as every process that migrates this database takes the same.
_KEY: Final = 7_317_486_020_134_469

_TRY = text("SELECT pg_try_advisory_lock(:key)")
_HELD = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
    "AND pid = pg_backend_pid() AND (classid::bigint << 32) | objid::bigint = :key"
)
_HOLDER = text(
    "SELECT pid, application_name, host(client_addr) AS address, backend_start "
    "FROM pg_locks JOIN pg_stat_activity USING (pid) "
    "WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
    "AND (classid::bigint << 32) | objid::bigint = :key "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)

IsNeeded = Callable[[], Awaitable[bool]]


async def wait(
    connection: AsyncConnection, is_needed: IsNeeded, settings: DatabaseSettings
) -> bool:
    """Wait until it is our turn, or until another process has done the work.

    The turn lasts until the connection is closed.

    Args:
        connection: A connection of its own, in autocommit mode, to the server itself.
        is_needed: Says whether there is still something to do; asked while waiting.
        settings: Say how long to wait at the most.

    Returns:
        Whether it is our turn; False where nothing is left to do.

    Raises:
        MigrationBusyError: Another process held the lock all the time.
    """
    started = time.monotonic()
    has_said_so = False
    while not await connection.scalar(_TRY, {"key": _KEY}):
        if not await is_needed():
            return False
        waited = time.monotonic() - started
        if waited >= settings.migration_timeout:
            raise MigrationBusyError(
                f"Another process has been migrating this database for the {waited:.0f} s that "
                f"this one waited: {await _describe_holder(connection)}.",
                hint="Wait for it, or end it; "
                f"{settings.variable_of('migration_timeout')} says how long to wait.",
            )
        if not has_said_so:
            has_said_so = True
            logger.warning(
                "waiting: another process is migrating this database: %s",
                await _describe_holder(connection),
                extra={"event": "migration_waiting"},
            )
        await asyncio.sleep(0.1 + up_to(0.4))
    return await is_needed()


async def assert_held(connection: AsyncConnection) -> None:
    """Check that the turn is still ours.

    Raises:
        MigrationError: Its connection was lost, so another process may be migrating now.
    """
    held = 0
    try:
        held = await connection.scalar(_HELD, {"key": _KEY}) or 0
    except (SQLAlchemyError, OSError) as error:
        logger.debug("the migration lock's connection is gone: %s", type(error).__name__)
    if not held:
        raise MigrationError(
            "The connection that held the migration lock was lost, so the migration was "
            "taken back.",
            hint="Migrate again.",
        )


async def _describe_holder(connection: AsyncConnection) -> str:
    row = (await connection.execute(_HOLDER, {"key": _KEY})).first()
    if row is None:
        return "it has just ended"
    name = f" ({row.application_name})" if row.application_name else ""
    where = f" from {row.address}" if row.address else ""
    since = f", connected since {row.backend_start:%H:%M:%S %Z}" if row.backend_start else ""
    return f"server process {row.pid}{name}{where}{since}"
