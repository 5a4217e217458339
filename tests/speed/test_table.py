"""The table that all peers serve, and the comparison of what they answer."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from bench.speed.item import BODY, INSERT, NewItem
from bench.speed.peer import PEERS, Peer
from bench.speed.table import Table

SIZE = 20


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def table(connection: asyncpg.Connection) -> Table:
    table = Table(connection, SIZE)
    await table.fill()
    return table


async def insert(connection: asyncpg.Connection, body: bytes = BODY) -> int:
    """Write a row, and say its id."""
    new = NewItem.model_validate_json(body)
    number: int = await connection.fetchval(INSERT, *new.model_dump().values())
    return number


async def ids(connection: asyncpg.Connection) -> list[int]:
    return [row["id"] for row in await connection.fetch("SELECT id FROM items ORDER BY id")]


async def test_it_has_its_rows(table: Table, connection: asyncpg.Connection) -> None:
    assert await ids(connection) == list(range(1, table.rows + 1))


async def test_a_row_that_is_committed_late_is_in_nobodys_way(
    table: Table, connection: asyncpg.Connection, database_url: str
) -> None:
    late = await asyncpg.connect(database_url)
    async with late.transaction():
        await insert(late)
        await table.clear()
    await late.close()

    assert await insert(connection) == SIZE + 2


async def test_a_reset_begins_with_the_same_id(
    table: Table, connection: asyncpg.Connection
) -> None:
    await insert(connection)
    await table.reset()

    assert await ids(connection) == list(range(1, SIZE + 1))
    assert await insert(connection) == SIZE + 1


@dataclass(frozen=True, slots=True)
class Stubborn:
    """A peer that writes what it is told to, and always says the same."""

    connection: asyncpg.Connection
    content: bytes
    peer: Peer = PEERS[0]

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        del path
        if method == "POST":
            await insert(self.connection, body)
        return 200, self.content


async def test_other_bytes_are_refused_with_both(
    table: Table, connection: asyncpg.Connection
) -> None:
    pair = [Stubborn(connection, content) for content in (b"these", b"those")]

    with pytest.raises(ValueError, match=r"answers GET /items/1 .*those.*these"):
        await table.compare(pair)
