"""Databases for single tests, made and dropped by one connection that stays open."""

import asyncio
import itertools
import secrets
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

_T = TypeVar("_T")


async def _connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(url)


class Databases:
    """Makes and drops databases on one server.

    It speaks to the server in an event loop and thread of its own, so that plain and async tests
    use it alike.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        # Runs may share a server, and one that was killed leaves its databases behind.
        self._names = f"test_{secrets.token_hex(3)}_"
        self._numbers = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="databases")
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._connection = self._run(_connect(self._url))
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self._run(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def create(self, *, template: str = "template0") -> str:
        """Make a database and return its URL.

        Args:
            template: The database to copy, without any connections.
        """
        name = f"{self._names}{next(self._numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {self._strategy()}')
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop the database of a URL, even with clients connected."""
        self.execute(f'DROP DATABASE IF EXISTS "{urlsplit(url).path[1:]}" WITH (FORCE)')

    def url(self, name: str) -> str:
        """The URL of a database of this server."""
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))

    def execute(self, sql: str) -> None:
        """Run a statement as the superuser, outside any transaction."""
        assert self._connection is not None
        self._run(self._connection.execute(sql))

    def _strategy(self) -> str:
        # Files are copied in half the time that writing them through the log takes. Before
        # PostgreSQL 15 they always were.
        assert self._connection is not None
        return "STRATEGY file_copy" if self._connection.get_server_version().major > 14 else ""

    def _run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
