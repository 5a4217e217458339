"""Wellhead's psycopg connection; imported once psycopg is needed."""

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager
from typing import Any, Self

import psycopg
from psycopg.pq import TransactionStatus

from wellhead.connecting.libpq import connect
from wellhead.connecting.shielding import shielded
from wellhead.errors import RolledBackError
from wellhead.pool.connection_state import abort
from wellhead.pool.observing import Exchanges
from wellhead.sessions.commits import GAVE_UP_WAITING, SentCommit


class PsycopgConnection(psycopg.AsyncConnection[Any]):
    """A psycopg connection: honest about COMMIT, and done with cancelled statements."""

    database: object = None
    exchanges: Exchanges | None = None
    is_outcome_unknown = is_unreplicated = is_cancelled = False
    set_up_again: Callable[[Any], Awaitable[None]] | None = None
    _shield: AbstractContextManager[Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        myself = weakref.ref(self)

        def note_warning(diagnosis: psycopg.errors.Diagnostic) -> None:
            connection = myself()
            if connection is not None and diagnosis.source_function == GAVE_UP_WAITING:
                connection.is_unreplicated = True

        self.add_notice_handler(note_warning)

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Generator[Any, Any, Self]:
        return cls((yield from connect(conninfo)))

    def count_exchanges(self) -> None:
        """Count in ``exchanges`` how often it sends something and waits for the response."""
        self.exchanges = Exchanges()
        self.cursor_factory = CountedCursor
        self.server_cursor_factory = CountedServerCursor

    # SQLAlchemy calls these after acquiring a connection and before it tracks it. They need no I/O,
    # but psycopg may still yield to the event loop, and a cancellation would lose the connection.

    async def set_autocommit(self, value: bool) -> None:
        """Set it, without yielding to the event loop."""
        await _at_once(self, self._set_autocommit_gen(value))

    async def set_isolation_level(self, value: psycopg.IsolationLevel | None) -> None:
        """Set it, without yielding to the event loop."""
        await _at_once(self, self._set_isolation_level_gen(value))

    async def set_read_only(self, value: bool | None) -> None:
        """Set it, without yielding to the event loop."""
        await _at_once(self, self._set_read_only_gen(value))

    async def set_deferrable(self, value: bool | None) -> None:
        """Set it, without yielding to the event loop."""
        await _at_once(self, self._set_deferrable_gen(value))

    # The same if no transaction is in progress: otherwise a connection returned by a reader would
    # be closed.

    async def commit(self) -> None:
        """Commit; without a transaction, do not yield to the event loop."""
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            await super().commit()
            return
        await _at_once(self, self._commit_gen())

    async def rollback(self) -> None:
        """Roll back; without a transaction, do not yield to the event loop."""
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            await super().rollback()
            return
        await _at_once(self, self._rollback_gen())

    async def close(self) -> None:
        """Terminate the session and close, after cancelling another task's operation."""
        if self.lock.locked():
            await abort(self)
        await super().close()

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:
        """Ask the server to cancel; what has not been sent yet will not be sent."""
        self.is_cancelled = True
        await super().cancel_safe(timeout=timeout)

    async def wait(self, *args: Any, **kwargs: Any) -> Any:
        """Let the connection work; where the caller is cancelled, until the server has heard."""
        try:
            return await super().wait(*args, **kwargs)
        finally:
            if self._shield is not None:
                shield, self._shield = self._shield, None
                shield.__exit__(None, None, None)

    async def _try_cancel(self, *args: Any, **kwargs: Any) -> None:
        # psycopg waits twice then: for this, and for the end of the statement.
        self._shield = shielded()
        self._shield.__enter__()
        await super()._try_cancel(*args, **kwargs)

    def _exec_command(self, command: Any, *args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        # psycopg's own BEGIN and COMMIT pass through here, too, when they are about to be sent.
        word = command[:6] if isinstance(command, bytes) else b""
        if self.exchanges is not None and (
            # In a pipeline, only this one is waited for by itself.
            word.startswith(b"BEGIN") or not self.pgconn.pipeline_status
        ):
            self.exchanges.count += 1
        if word == b"COMMIT":
            with SentCommit(self):
                result = yield from super()._exec_command(command, *args, **kwargs)
                if result is not None and result.command_status == b"ROLLBACK":
                    raise RolledBackError.because_of_failure()
                return result
        self.is_cancelled = False
        result = yield from super()._exec_command(command, *args, **kwargs)
        if self.is_cancelled and word.startswith(b"BEGIN"):
            # Otherwise psycopg would go on to the statement, and wait for it.
            raise psycopg.errors.QueryCanceled("It was cancelled while the transaction began.")
        return result


class CountedCursor(psycopg.AsyncCursor[Any]):
    """A cursor of a connection that counts its exchanges."""

    def _maybe_prepare_gen(self, *args: Any, **kwargs: Any) -> Generator[Any, Any, None]:
        # In a pipeline, statements wait for each other.
        self._count(0 if self._pgconn.pipeline_status else 1)
        yield from super()._maybe_prepare_gen(*args, **kwargs)

    def _send_prepare(self, *args: Any) -> None:
        self._count(0 if self._pgconn.pipeline_status else 1)
        super()._send_prepare(*args)

    def _executemany_gen_pipeline(self, *args: Any) -> Generator[Any, Any, None]:
        self._count(1)
        yield from super()._executemany_gen_pipeline(*args)

    def _count(self, by: int) -> None:
        connection: Any = self._conn
        connection.exchanges.count += by


class CountedServerCursor(psycopg.AsyncServerCursor[Any]):
    """The same for a cursor of the server's, which is declared and then described.

    What fetches from it and closes it passes through the connection.
    """

    def _declare_gen(self, *args: Any, **kwargs: Any) -> Generator[Any, Any, None]:
        connection: Any = self._conn
        connection.exchanges.count += 2
        yield from super()._declare_gen(*args, **kwargs)


class LimitedPsycopgConnection(PsycopgConnection):
    """A connection that limits its statements itself, as asyncpg's does.

    For connections to a pooler: it accepts no server-side limit at connection start, and outside a
    transaction there is no other time to set one. A statement that takes longer is cancelled at the
    server. COMMIT is not limited: its outcome would be unknown.
    """

    command_timeout: float | None = None
    _limit = asyncio.Timeout(None)

    @classmethod
    async def connect(  # type: ignore[override]  # the arguments are libpq's
        cls, conninfo: str = "", *, command_timeout: float | None = None, **arguments: Any
    ) -> Self:
        """Connect; each statement may take ``command_timeout`` seconds."""
        connection = await super().connect(conninfo, **arguments)
        connection.command_timeout = command_timeout
        return connection

    async def wait(self, *args: Any, **kwargs: Any) -> Any:
        """Run the connection's I/O within the limit.

        Raises:
            TimeoutError: It took longer, and was cancelled.
        """
        async with asyncio.timeout(self.command_timeout) as self._limit:
            return await super().wait(*args, **kwargs)

    def _exec_command(self, command: Any, *args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        if isinstance(command, bytes) and command.startswith(b"COMMIT"):
            self._limit.reschedule(None)
        return super()._exec_command(command, *args, **kwargs)


async def _at_once(connection: Any, work: Generator[Any, Any, None]) -> None:
    async with connection.lock:
        if connection.pgconn.pipeline_status:
            await connection.wait(work)
            return
        for _ in work:
            raise AssertionError("psycopg waits for the server to set an attribute.")
