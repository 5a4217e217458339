"""A server of which it is counted what it is asked, by whom, and what that takes."""

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench.fleet.growth.processor import used
from tests.staging.embedded import postmaster
from tests.staging.streaming import StreamingServer
from wellhead.testing.conversation import Conversation, Statements
from wellhead.testing.proxy import TCPProxy

_ASKS_FOR_THE_POSITION = "pg_last_wal_replay_lsn"

_OF_THE_DRIVER = ("typeinfo_tree", "set_config('jit'")
"""In what asyncpg asks when a connection meets a type for the first time."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a server was asked in some time, and what that took.

    Attributes:
        round_trips: Those that ran a statement of an application.
        statements: How many they ran.
        positions: How many of those asked how far the server has got.
        steady: Connections of the applications at the end.
        most: The most at a time.
        seconds: Of the processor, by all processes of the server.
    """

    round_trips: int
    statements: int
    positions: int
    steady: int
    most: int
    seconds: float


class MeteredServer:
    """A running server behind a proxy that counts; a context manager.

    Args:
        server: The server.
        database: The name of the database that applications use.
    """

    def __init__(self, server: StreamingServer, database: str) -> None:
        self._server = server
        self._database = database
        self._proxy = TCPProxy("127.0.0.1", server.port, ear=lambda: Conversation(self._note))
        self._asking: Any = None
        self._used = 0.0
        self._round_trips = self._statements = self._positions = self._most = 0

    async def __aenter__(self) -> Self:
        await self._proxy.__aenter__()
        # What this connection asks counts little; a new one each time would cost more than a write.
        self._asking = await asyncpg.connect(self._server.url, ssl=False)
        self.reset()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._asking.close()
        await self._proxy.__aexit__(kind, error, traceback)

    @property
    def url(self) -> str:
        """The applications' way to it."""
        parts = urlsplit(self._server.url)
        at = f"{parts.username}:{parts.password}@{self._proxy.host}:{self._proxy.port}"
        return urlunsplit(parts._replace(netloc=at, path=f"/{self._database}"))

    async def ask(self, sql: str, *values: object) -> Any:
        """The first value that a statement returns, past the proxy."""
        return await self._asking.fetchval(sql, *values)

    def reset(self) -> None:
        """Count from zero."""
        self._round_trips = self._statements = self._positions = 0
        self._most = self._proxy.open_connections
        self._used = self._seconds()

    def usage(self) -> Usage:
        """What was counted since then."""
        return Usage(
            self._round_trips,
            self._statements,
            self._positions,
            self._proxy.open_connections,
            self._most,
            self._seconds() - self._used,
        )

    def _note(self, statements: Statements) -> None:
        own = [each for each in statements if not any(part in each for part in _OF_THE_DRIVER)]
        if own:
            self._round_trips += 1
            self._statements += len(own)
            self._positions += sum(_ASKS_FOR_THE_POSITION in each for each in own)
        self._most = max(self._most, self._proxy.open_connections)

    def _seconds(self) -> float:
        pid = postmaster(self._server.postgres.data_dir)
        if pid is None:
            raise RuntimeError("The server is down.")
        return used(pid)
