"""The connection pool: which one, what it promises, and its figures.

The pools are SQLAlchemy's; what is added is the check of a connection before it is handed out.
A connection that the server closed is recognised without a round trip where the driver noticed
(asyncpg does); a ping, one round trip, is sent only to a connection that sat idle for a while.
SQLAlchemy's own ``pre_ping`` sends three at every checkout under asyncpg.
"""

import asyncio
import logging
import os
import socket
import time
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import (
    AsyncAdaptedQueuePool,
    ConnectionPoolEntry,
    NullPool,
    Pool,
    PoolProxiedConnection,
)
from sqlalchemy.util.concurrency import await_

_IDLE_SINCE = "wellhead_idle_since"

# SQLAlchemy keeps its pools' loggers at WARNING; ours do not lie below them.
logging.getLogger(__name__).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class PoolStats:
    """A snapshot of the pool; taking it costs microseconds and never waits.

    Attributes:
        mode: ``pool`` keeps connections, ``none`` opens one for each use, ``static`` has one.
        reason: Why this mode was chosen, in one sentence.
        pool_size: Connections kept open, 0 in mode ``none``.
        max_overflow: Connections allowed beyond ``pool_size``; None for no limit.
        checked_in: Open connections that are free.
        checked_out: Connections in use.
        overflow: Connections open beyond ``pool_size``.
    """

    mode: Literal["pool", "none", "static"]
    reason: str
    pool_size: int
    max_overflow: int | None
    checked_in: int
    checked_out: int
    overflow: int

    @property
    def total(self) -> int:
        """Connections open now."""
        return self.checked_in + self.checked_out

    @property
    def utilization(self) -> float:
        """Connections in use as a percentage of ``pool_size``; 0 where there is no pool."""
        return self.checked_out / self.pool_size * 100 if self.pool_size else 0.0


class CountingNullPool(NullPool):
    """SQLAlchemy's NullPool that knows how many connections are out."""

    _out = 0

    def checkedout(self) -> int:
        """Connections in use."""
        return self._out

    def _do_get(self) -> ConnectionPoolEntry:
        entry = super()._do_get()
        self._out += 1
        return entry

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        self._out -= 1
        super()._do_return_conn(record)


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """Which pool an engine gets, how large, and why, in one sentence."""

    mode: Literal["pool", "none", "static"]
    reason: str
    pool_size: int = 0
    max_overflow: int | None = None

    def stats(self, pool: Pool | None) -> PoolStats:
        """Read the figures of a pool that was made after this plan; None before there is one."""
        checked_in = checked_out = overflow = 0
        if isinstance(pool, AsyncAdaptedQueuePool):
            checked_in, checked_out = pool.checkedin(), pool.checkedout()
            overflow = max(0, pool.overflow())
        elif isinstance(pool, CountingNullPool):
            checked_out = pool.checkedout()
        return PoolStats(
            mode=self.mode,
            reason=self.reason,
            pool_size=self.pool_size,
            max_overflow=self.max_overflow,
            checked_in=checked_in,
            checked_out=checked_out,
            overflow=overflow,
        )


def check_before_use(pool: Pool, *, ping_after: float | None, ping_timeout: float) -> None:
    """Never hand out a connection that is known, or after a ping found, to be closed.

    A failed check replaces the connection and retires every other one of the same age: they
    went with the same server.

    Args:
        pool: The pool to guard.
        ping_after: Seconds a connection must have been idle to be pinged; None for never.
        ping_timeout: Seconds a ping may take; longer counts as a lost connection.
    """

    def remember(connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        del connection
        entry.info[_IDLE_SINCE] = time.monotonic()

    def check(
        connection: DBAPIConnection, entry: ConnectionPoolEntry, proxy: PoolProxiedConnection
    ) -> None:
        del connection, proxy
        idle_since = entry.info.pop(_IDLE_SINCE, None)
        driver_connection = entry.driver_connection
        if _is_closed(driver_connection):
            raise InvalidatePoolError("the server closed the connection while it was idle")
        if ping_after is None or idle_since is None:
            return
        if time.monotonic() - idle_since >= ping_after:
            await_(_ping(driver_connection, timeout=ping_timeout))

    event.listen(pool, "checkin", remember)
    event.listen(pool, "checkout", check)


def close_on_return(pool: Pool) -> None:
    """From now on close every connection that comes back, as its pool has been given up."""

    def close(connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        if connection is not None:
            entry.invalidate()

    event.listen(pool, "checkin", close)


def _is_closed(driver_connection: Any) -> bool:
    if isinstance(driver_connection, asyncpg.Connection):
        return driver_connection.is_closed()
    return bool(driver_connection.closed)


async def _ping(driver_connection: Any, *, timeout: float) -> None:
    try:
        if isinstance(driver_connection, asyncpg.Connection):
            await _ping_asyncpg(driver_connection, timeout=timeout)
        else:
            await _ping_psycopg(driver_connection, timeout=timeout)
    except Exception as error:
        raise InvalidatePoolError("the connection gave no sign of life") from error


async def _ping_asyncpg(connection: "asyncpg.Connection[Any]", *, timeout: float) -> None:
    try:
        await connection.execute("SELECT 1", timeout=timeout)
    except BaseException:
        # A close in order would wait for the silent server once more.
        connection.terminate()
        raise


async def _ping_psycopg(connection: Any, *, timeout: float) -> None:
    # Cancelling would make psycopg ask the silent server to cancel, and wait 5 s for that, too.
    deadline = asyncio.get_running_loop().call_later(timeout, _hang_up, connection)
    try:
        # Without autocommit the statement would open a transaction, and cost two more trips.
        autocommit = connection.autocommit
        await connection.set_autocommit(True)
        await connection.execute("SELECT 1")
        await connection.set_autocommit(autocommit)
    finally:
        deadline.cancel()


def _hang_up(connection: Any) -> None:
    with socket.socket(fileno=os.dup(connection.fileno())) as twin:
        twin.shutdown(socket.SHUT_RDWR)
