"""psycopg's connection as Wellhead makes it; imported once psycopg is needed."""

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
from wellhead.sessions.commits import GAVE_UP_WAITING, SentCommit


class PsycopgConnection(psycopg.AsyncConnection[Any]):
    """psycopg's connection: honest about COMMIT, and done with what was cancelled."""

    database: object = None
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

    # SQLAlchemy sets these between taking a connection and knowing of it. There is nothing to wait
    # for; but now and then psycopg gives up its turn, and a cancellation would lose the connection.

    async def set_autocommit(self, value: bool) -> None:
        """Set it, without giving up the turn."""
        await _at_once(self, self._set_autocommit_gen(value))

    async def set_isolation_level(self, value: psycopg.IsolationLevel | None) -> None:
        """Set it, without giving up the turn."""
        await _at_once(self, self._set_isolation_level_gen(value))

    async def set_read_only(self, value: bool | None) -> None:
        """Set it, without giving up the turn."""
        await _at_once(self, self._set_read_only_gen(value))

    async def set_deferrable(self, value: bool | None) -> None:
        """Set it, without giving up the turn."""
        await _at_once(self, self._set_deferrable_gen(value))

    # The same where no transaction is under way: on its return from a reader the connection would
    # be closed.

    async def commit(self) -> None:
        """Commit; where there is nothing to, without giving up the turn."""
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            await super().commit()
            return
        await _at_once(self, self._commit_gen())

    async def rollback(self) -> None:
        """Roll back; where there is nothing to, without giving up the turn."""
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            await super().rollback()
            return
        await _at_once(self, self._rollback_gen())

    async def close(self) -> None:
        """Say goodbye and close; what another task has under way is cancelled first."""
        if self.lock.locked():
            await abort(self)
        await super().close()

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:
        """Ask the server to cancel; what has not been sent yet is not sent any more."""
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
        # psycopg's own BEGIN and COMMIT come this way, too, once it is their turn to be sent.
        word = command[:6] if isinstance(command, bytes) else b""
        if word == b"COMMIT":
            with SentCommit(self):
                result = yield from super()._exec_command(command, *args, **kwargs)
                if result is not None and result.command_status == b"ROLLBACK":
                    raise RolledBackError.because_of_failure()
                return result
        self.is_cancelled = False
        result = yield from super()._exec_command(command, *args, **kwargs)
        if self.is_cancelled and word.startswith(b"BEGIN"):
            # psycopg would go on to the statement, and wait for it.
            raise psycopg.errors.QueryCanceled("It was cancelled while it began.")
        return result


class LimitedPsycopgConnection(PsycopgConnection):
    """One that limits its statements itself, as asyncpg's does.

    For connections to a pooler: that takes no limit for the server when they start, and outside of
    a transaction there is no other moment for one. What takes longer is cancelled at the server.
    A COMMIT is not limited: what became of it would not be known.
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
        """Let the connection work, for so long.

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
