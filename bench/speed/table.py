"""The table that all peers serve: databases of several sizes, and whether all answer alike."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench.speed.item import BODY, ROWS, TABLE
from bench.speed.peer import Peer

_SAMPLES = (1, 2, 5, 10)
_COMMITS_WITHIN = 30.0


def database_of(url: str, rows: int) -> str:
    """The URL of the database whose table has so many rows."""
    return urlunsplit(urlsplit(url)._replace(path=f"/bench_{rows}"))


async def make(url: str, rows: int) -> None:
    """Make the database whose table has so many rows."""
    admin = await asyncpg.connect(url)
    await admin.execute(f"CREATE DATABASE bench_{rows}")
    await admin.close()
    connection = await asyncpg.connect(database_of(url, rows))
    await Table(connection, rows).fill()
    await connection.close()


class Answering(Protocol):
    """A peer that is being served, somehow."""

    @property
    def peer(self) -> Peer:
        """Which."""

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """The status and the body of the response to one request."""


class Table:
    """One such table, as the benchmark looks at it past all peers and proxies.

    Args:
        connection: To its database.
        rows: How many it has before any write.
    """

    def __init__(self, connection: asyncpg.Connection, rows: int) -> None:
        self._connection = connection
        self.rows = rows

    async def fill(self) -> None:
        """Make the table in an empty database."""
        await self._connection.execute(TABLE)
        await self._connection.execute(ROWS, self.rows)
        await self._connection.execute("ANALYZE items")
        await self.reset()

    async def clear(self) -> None:
        """Take out what was written, so that every peer meets the same table.

        The next row still gets an id that no row had. Some commit only after they have answered,
        and such a row would be in the way of the next peer's.
        """
        await self._connection.execute("DELETE FROM items WHERE id > $1", self.rows)
        await self._connection.execute("VACUUM items")

    async def reset(self) -> None:
        """Take out what was written, and begin with the same id again."""
        await self.clear()
        await self._connection.execute(
            "SELECT setval(pg_get_serial_sequence('items', 'id'), $1)", self.rows
        )

    async def answers(self, server: Answering) -> Mapping[str, tuple[int, bytes]]:
        """What a server answers to a few reads and to a write, once that is committed.

        Raises:
            TimeoutError: What it wrote does not appear.
        """
        found = {
            f"GET /items/{number}": await server.ask("GET", f"/items/{number}")
            for number in _SAMPLES
        }
        await self.reset()
        found["POST /items"] = await server.ask("POST", "/items", BODY)
        async with asyncio.timeout(_COMMITS_WITHIN):
            # Some commit only after they have answered.
            while await self._count() != self.rows + 1:  # noqa: ASYNC110 - nothing tells it
                await asyncio.sleep(0.01)
        await self.reset()
        return found

    async def compare(self, servers: Sequence[Answering]) -> None:
        """Make sure that all answer the same bytes for the same row, and keep what they are sent.

        Raises:
            ValueError: Two do not; both answers are in the message.
        """
        first, *others = servers
        expected = await self.answers(first)
        for server in others:
            for request, answer in (await self.answers(server)).items():
                if answer != expected[request]:
                    raise ValueError(
                        f"{server.peer.name} answers {request} with {answer!r}, "
                        f"{first.peer.name} with {expected[request]!r}."
                    )

    async def _count(self) -> int:
        count: int = await self._connection.fetchval("SELECT count(*) FROM items")
        return count
