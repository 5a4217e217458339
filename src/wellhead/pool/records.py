"""SQLAlchemy's connection records, as the core sees connections."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util.concurrency import greenlet_spawn, in_greenlet

from wellhead.errors import UnreachableError
from wellhead.pool import drivers
from wellhead.pool.slot import Slot

NameTimeout = Callable[[TimeoutError], Exception]


class RecordPool(Protocol):
    """What the records need of their pool."""

    dispatch: Any
    logger: Any

    @property
    def dialect(self) -> Any:
        """SQLAlchemy's dialect."""
        ...

    def create_record(self) -> ConnectionPoolEntry:
        """Make a connection as SQLAlchemy does, within a greenlet."""
        ...


def name_timeout(limit: float) -> NameTimeout:
    """What a connection that was not made in ``limit`` seconds raises, where nobody says it."""

    def name(error: TimeoutError) -> Exception:
        del error
        return UnreachableError(
            f"No connection was made within {limit:g} s.",
            hint="Check the network, or raise connect_timeout.",
        )

    return name


class RecordLink:
    """SQLAlchemy's connection records, each with its connection."""

    def __init__(self, pool: RecordPool, name_timeout: NameTimeout) -> None:
        self._pool = pool
        self._name_timeout = name_timeout

    @property
    def _dialect(self) -> Any:
        # The engine gives the pool its dialect after it has made the pool.
        return self._pool.dialect

    def _create(self) -> ConnectionPoolEntry:
        return self._pool.create_record()

    async def open(self, *, timeout: float) -> ConnectionPoolEntry:
        """Make a record and its connection; SQLAlchemy's events for a new one happen here."""
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await greenlet_spawn(self._create)
        except TimeoutError as error:
            if limit.expired():
                raise self._name_timeout(error) from error
            raise

    def closed_check(self, connection: ConnectionPoolEntry) -> Callable[[], bool]:
        """A function that says whether the driver knows the connection for closed."""
        return drivers.closed_check(connection.driver_connection)

    def opened(self, slot: Slot[ConnectionPoolEntry]) -> None:
        """Let the record know its place."""
        record: Any = slot.connection
        record.wellhead_slot = slot
        slot.handle = slot.connection.dbapi_connection

    async def ping(self, connection: ConnectionPoolEntry, *, timeout: float) -> None:
        """One round trip."""
        driver_connection = connection.driver_connection
        if drivers.is_known(driver_connection):
            await drivers.ping(driver_connection, timeout=timeout)
            return
        async with asyncio.timeout(timeout):
            await greenlet_spawn(self._dialect.do_ping, connection.dbapi_connection)

    async def close(self, connection: ConnectionPoolEntry) -> None:
        """Say goodbye and close."""
        await greenlet_spawn(connection.close)

    def terminate(self, connection: ConnectionPoolEntry) -> None:
        """Close at once."""
        dbapi_connection: DBAPIConnection | None = connection.dbapi_connection
        if dbapi_connection is None:
            return
        try:
            if self._pool.dispatch.close:
                self._pool.dispatch.close(dbapi_connection, connection)
        except Exception:
            # Whoever happens to release a connection can do nothing about somebody's listener.
            self._pool.logger.exception("A listener for the close of a connection failed")
        record: Any = connection
        driver_connection, record.dbapi_connection = record.driver_connection, None
        if drivers.is_known(driver_connection):
            drivers.terminate(driver_connection)
        elif in_greenlet():
            # Here SQLAlchemy's way to terminate would wait; a callback is in no greenlet.
            loop = asyncio.get_running_loop()
            loop.call_soon(self._dialect.do_terminate, dbapi_connection)
        else:
            self._dialect.do_terminate(dbapi_connection)
