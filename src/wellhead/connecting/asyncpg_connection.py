"""Wellhead's asyncpg connection: honest about COMMIT, and closed without a long wait.

SQLAlchemy, and code that uses the driver directly, commits through it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NoReturn

import asyncpg

from wellhead.connecting.exchanging import count_on
from wellhead.errors import RolledBackError
from wellhead.pool.connection_state import RESET
from wellhead.pool.observing import Exchanges
from wellhead.pool.owner import forks
from wellhead.sessions.commits import GAVE_UP_WAITING, SentCommit

CLOSE_TIMEOUT = 2.0
"""Seconds for the server to close a connection cleanly."""


class AsyncpgConnection(asyncpg.Connection):
    """An asyncpg connection.

    After a cancelled BEGIN it is closed: asyncpg would take the next BEGIN for a savepoint. Closing
    does not wait forever for a server that is silent. A server that has said why it ends the
    connection, and has not hung up yet, counts as gone.
    """

    __slots__ = (
        "_forks", "database", "exchanges", "is_outcome_unknown", "is_unreplicated", "set_up_again",
    )  # fmt: skip

    _protocol: Any
    _transport: asyncio.Transport

    def __init__(self, *args: Any) -> None:
        self._forks = forks()
        super().__init__(*args)
        self.database: object = None
        self.exchanges: Exchanges | None = None
        self.is_outcome_unknown = self.is_unreplicated = False
        self.set_up_again: Callable[[Any], Awaitable[None]] | None = None
        # The notices that the server sends during a COMMIT.
        self.add_log_listener(_note_warning)

    def __del__(self) -> None:
        # In a forked process, asyncpg would close what the parent watches by the same descriptor.
        if forks() == self._forks:
            super().__del__()

    def get_reset_query(self) -> str:
        """The query that resets all session state; asyncpg's own leaves role and tables."""
        return RESET

    async def reset(self, *, timeout: float | None = None) -> None:
        """Reset the session, and remove all listeners but Wellhead's own."""
        await super().reset(timeout=timeout)
        self.add_log_listener(_note_warning)

    def count_exchanges(self) -> None:
        """Count in ``exchanges`` how often it sends something and waits for the response."""
        self.exchanges = count_on(self._protocol)

    def fileno(self) -> int:
        """The socket's file descriptor."""
        return int(self._transport.get_extra_info("socket").fileno())

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """Run a command; a COMMIT that could only roll back is an error.

        Raises:
            CommitUnknownError: COMMIT was sent and got no reply.
            RolledBackError: The server replied to COMMIT with ROLLBACK.
            asyncpg.ConnectionDoesNotExistError: The connection was lost.
        """
        if query.startswith("COMMIT"):
            with SentCommit(self):
                status: str = await super().execute(query, *args, timeout=timeout)
                if status == "ROLLBACK":
                    raise RolledBackError.because_of_failure()
                return status
        try:
            return await super().execute(query, *args, timeout=timeout)
        except asyncio.CancelledError:
            if query.startswith("BEGIN"):
                self.terminate()
            raise
        except asyncpg.InternalClientError as error:
            self._name_loss(error)

    async def _execute(self, *args: Any, **options: Any) -> Any:
        # What the methods that fetch go through.
        try:
            return await super()._execute(*args, **options)  # type: ignore[misc]  # not in its stubs
        except asyncpg.InternalClientError as error:
            self._name_loss(error)

    def _name_loss(self, error: asyncpg.InternalClientError) -> NoReturn:
        # asyncpg takes the server's last words for a failed operation, waits for its end, and
        # refuses the next statement unsent; then it closes the connection.
        if not self.is_closed():
            raise error
        raise asyncpg.ConnectionDoesNotExistError("The server ended the connection.") from error

    async def close(self, *, timeout: float | None = None) -> None:
        """Terminate the session with the server and close."""
        # On a timeout asyncpg aborts the connection itself: only the exception is left to handle.
        with suppress(TimeoutError):
            await super().close(timeout=CLOSE_TIMEOUT if timeout is None else timeout)


def _note_warning(connection: Any, message: Any) -> None:
    if getattr(message, "server_source_function", None) == GAVE_UP_WAITING:
        connection.is_unreplicated = True
