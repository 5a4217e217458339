"""asyncpg's connection as Wellhead makes it: honest about COMMIT, and not to be waited for.

SQLAlchemy, and code past it that uses the driver, commits through it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg

from wellhead.errors import RolledBackError
from wellhead.pool.connection_state import RESET
from wellhead.pool.owner import forks
from wellhead.sessions.commits import GAVE_UP_WAITING, SentCommit

CLOSE_TIMEOUT = 2.0
"""Seconds that the server is given to say goodbye to a connection."""


class AsyncpgConnection(asyncpg.Connection):
    """asyncpg's connection.

    After a BEGIN that was cancelled it is given up: asyncpg would take the next one for a
    savepoint. Its end does not wait for ever for a server that is silent.
    """

    __slots__ = ("_forks", "database", "is_outcome_unknown", "is_unreplicated", "set_up_again")

    _transport: asyncio.Transport

    def __init__(self, *args: Any) -> None:
        self._forks = forks()
        super().__init__(*args)
        self.database: object = None
        self.is_outcome_unknown = self.is_unreplicated = False
        self.set_up_again: Callable[[Any], Awaitable[None]] | None = None
        # What the server says during a COMMIT.
        self.add_log_listener(_note_warning)

    def __del__(self) -> None:
        # In a forked process asyncpg would end what the parent watches by the same descriptor.
        if forks() == self._forks:
            super().__del__()

    def get_reset_query(self) -> str:
        """What takes back all that a session has set; asyncpg's own leaves role and tables."""
        return RESET

    async def reset(self, *, timeout: float | None = None) -> None:
        """Take back what was set, and forget all listeners but Wellhead's own."""
        await super().reset(timeout=timeout)
        self.add_log_listener(_note_warning)

    def fileno(self) -> int:
        """The descriptor of the socket."""
        return int(self._transport.get_extra_info("socket").fileno())

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """Run a command; a COMMIT that could only roll back is an error.

        Raises:
            CommitUnknownError: COMMIT was sent and not answered.
            RolledBackError: The server answered COMMIT with ROLLBACK.
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

    async def close(self, *, timeout: float | None = None) -> None:
        """Say goodbye to the server and close."""
        # On a time-out asyncpg itself aborts the connection: all that is left is the exception.
        with suppress(TimeoutError):
            await super().close(timeout=CLOSE_TIMEOUT if timeout is None else timeout)


def _note_warning(connection: Any, message: Any) -> None:
    if getattr(message, "server_source_function", None) == GAVE_UP_WAITING:
        connection.is_unreplicated = True
