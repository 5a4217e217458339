"""What becomes of a connection whose statement was cancelled: kept where it is proved to be sound.

SQLAlchemy closes a connection that a cancellation or asyncpg's time-out passed through, because an
answer may still be on its way. Both drivers then ask the server to cancel the statement; once it
has confirmed that, the connection is as good as after any statement that failed, and closing it
would cost the next caller a new one. The transaction is left as it is, for SQLAlchemy to roll back.
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
"""Seconds that the server has to confirm the cancellation."""


def keep_cancelled_connections(engine: AsyncEngine) -> None:
    """Let this engine keep the connections of cancelled statements, where they are sound.

    The confirmation is waited for in the caller's time, within :data:`CONFIRM_TIMEOUT`. A
    connection that does not get it by then is closed at once.
    """

    @event.listens_for(engine.sync_engine, "handle_error")
    def keep(context: ExceptionContext) -> None:
        connection = context.connection
        if connection is None or connection.invalidated or not context.is_disconnect:
            return
        # The command timeout is a cancellation, too.
        if isinstance(context.original_exception, asyncio.CancelledError | TimeoutError):
            dbapi_connection = connection.connection.dbapi_connection
            # SQLAlchemy gives no statement for COMMIT and ROLLBACK.
            was_ending = context.statement is None
            sound = await_(is_sound(context.dialect, dbapi_connection, was_ending=was_ending))
            context.is_disconnect = not sound


async def is_sound(dialect: Any, dbapi_connection: Any, *, was_ending: bool) -> bool:
    """Whether a connection whose statement was cancelled can be used again; else it is closed.

    Args:
        dialect: SQLAlchemy's.
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
    except Exception:  # noqa: BLE001 - whatever it is, the connection is not usable
        sound = False
    finally:
        if not sound:
            # At once: SQLAlchemy would say goodbye to a server that does not answer.
            connection_state.terminate(driver_connection)
    return sound


async def _hear_the_end(driver_connection: Any) -> None:
    # psycopg has waited already, or has closed the connection. asyncpg waits before it sends
    # anything more; an empty statement may be parsed in a failed transaction, too, and a
    # cancellation that comes late would strike here.
    if isinstance(driver_connection, asyncpg.Connection):
        await driver_connection.prepare(";", name="")


async def _end_for_sure(driver_connection: Any) -> None:
    # SQLAlchemy and the driver take the transaction for ended, whatever became of it.
    if connection_state.is_in_transaction(driver_connection):
        await driver_connection.execute("ROLLBACK")
