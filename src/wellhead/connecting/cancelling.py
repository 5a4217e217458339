"""Keep a connection whose statement was cancelled, if it is proved to be usable.

SQLAlchemy closes a connection after a cancellation or an asyncpg timeout, because a result may
still be on its way. Both drivers then ask the server to cancel the statement; once it has
confirmed that, the connection is as good as after any failed statement, and closing it would cost
the next caller a new one. The transaction is left as it is, for SQLAlchemy to roll back.
"""

import asyncio
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util.concurrency import greenlet_spawn

from wellhead.connecting.shielding import shielded
from wellhead.pool import connection_state
from wellhead.pool.sqlalchemy import await_

CONFIRM_TIMEOUT = 2.0
"""Seconds for the server to confirm the cancellation."""


def keep_cancelled_connections(engine: AsyncEngine) -> None:
    """Let this engine keep the connections of cancelled statements, if they are usable.

    The caller waits for the confirmation, for at most :data:`CONFIRM_TIMEOUT` seconds. A connection
    without it is closed at once.
    """

    @event.listens_for(engine.sync_engine, "handle_error")
    def keep(context: ExceptionContext) -> None:
        connection = context.connection
        if connection is None or connection.invalidated or not context.is_disconnect:
            return
        # The command timeout is a cancellation as well.
        if isinstance(context.original_exception, asyncio.CancelledError | TimeoutError):
            dbapi_connection = connection.connection.dbapi_connection
            # SQLAlchemy passes no statement for COMMIT and ROLLBACK.
            was_ending = context.statement is None
            sound = await_(is_sound(context.dialect, dbapi_connection, was_ending=was_ending))
            context.is_disconnect = not sound


async def is_sound(dialect: Any, dbapi_connection: Any, *, was_ending: bool) -> bool:
    """Whether a connection whose statement was cancelled can be used again; if not, it is closed.

    Args:
        dialect: SQLAlchemy's dialect.
        dbapi_connection: The connection.
        was_ending: Whether a transaction was being ended.
    """
    driver_connection = dbapi_connection.driver_connection
    if not connection_state.is_known(driver_connection):
        return False
    sound = False
    try:
        with shielded():
            async with asyncio.timeout(CONFIRM_TIMEOUT):
                await _hear_the_end(driver_connection)
                if was_ending:
                    await _end_for_sure(driver_connection)
                    await greenlet_spawn(dialect.do_ping, dbapi_connection)
        sound = not connection_state.closed_check(driver_connection)()
    except Exception:  # noqa: BLE001 - any failure makes the connection unusable
        sound = False
    finally:
        if not sound:
            # At once: SQLAlchemy would wait for a server that does not respond.
            connection_state.terminate(driver_connection)
    return sound


async def _hear_the_end(driver_connection: Any) -> None:
    # psycopg has waited already, or has closed the connection. asyncpg waits before it sends
    # anything more; an empty statement can be parsed even in a failed transaction, and a late
    # cancellation would hit it.
    if isinstance(driver_connection, asyncpg.Connection):
        await driver_connection.prepare(";", name="")


async def _end_for_sure(driver_connection: Any) -> None:
    # SQLAlchemy and the driver consider the transaction ended, whatever happened to it.
    if connection_state.is_in_transaction(driver_connection):
        await driver_connection.execute("ROLLBACK")
