"""Many clients that read and write a table while its columns change their types."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import asyncpg
from sqlalchemy import bindparam, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import registry
from sqlalchemy.orm.attributes import flag_modified
from sqlmodel import Field, SQLModel, col, select

from wellhead import Database, WellheadError, compiled

_ROWS = 50

_SET_UP = (
    "CREATE TABLE changing (id int PRIMARY KEY, value int)",
    "INSERT INTO changing SELECT i, i * 1000 + 7 FROM generate_series(1, 50) AS i",
)
CHANGES = (
    "ALTER TABLE changing ALTER value TYPE bigint",
    "ALTER TABLE changing ALTER value TYPE real",
    "ALTER TABLE changing ADD COLUMN more int DEFAULT 1",
    "ALTER TABLE changing ALTER value TYPE numeric",
    "ALTER TABLE changing ALTER value TYPE integer",
)


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Changing(Table, table=True):
    """A row, as the clients' program knows it."""

    id: int = Field(primary_key=True)
    value: int


_VALUE = compiled(select(Changing.value).where(Changing.id == bindparam("id")))
_ROW = compiled(select(Changing).where(Changing.id == bindparam("id")))
_KEPT = compiled(
    update(Changing)
    .where(col(Changing.id) == bindparam("id"))
    .values(value=Changing.value)
    .returning(col(Changing.value))
)


@dataclass(slots=True)
class Outcome:
    """What the clients met.

    Attributes:
        right: Transactions that read what was written.
        wrong: Values that were read but never written.
        errors: What was raised.
    """

    right: int = 0
    wrong: list[object] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class ChangingSchema:
    """A table, its clients, and its changes; the number of transactions sets the pace.

    Args:
        database: Where the clients go, open.
        direct_url: Where the changes go.
        clients: How many there are at the same time.
        pace: Transactions between two changes.
        only_compiled: Whether they come by compiled queries only.
    """

    def __init__(
        self, database: Database, direct_url: str, *, clients: int = 16, pace: int = 64,
        only_compiled: bool = False,
    ) -> None:  # fmt: skip
        self._database = database
        self._direct_url = direct_url
        self._clients = clients
        self._pace = pace
        usual = (self._read, self._read_all_columns, self._write)
        own = (self._read_compiled, self._read_row, self._write_compiled)
        self._ways = own if only_compiled else usual + own
        self._outcome = Outcome()
        self._done = asyncio.Semaphore(0)
        self._is_over = False

    async def run(self) -> Outcome:
        """Make the table, let the clients work through all changes, and say what they met."""
        await self._change(_SET_UP)
        async with asyncio.TaskGroup() as group:
            for number in range(self._clients):
                group.create_task(self._work(number))
            for change in CHANGES:
                await self._let_them_work()
                await self._change([change])
            await self._let_them_work()
            self._is_over = True
        return self._outcome

    async def _let_them_work(self) -> None:
        self._done = asyncio.Semaphore(0)
        for _ in range(self._pace):
            await self._done.acquire()

    async def _change(self, statements: Sequence[str]) -> None:
        connection = await asyncpg.connect(self._direct_url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    async def _work(self, number: int) -> None:
        turn = number
        while not self._is_over:
            turn += 1
            key = turn * 7 % _ROWS + 1
            await self._try(self._ways[turn % len(self._ways)], key)
            self._done.release()

    async def _try(self, way: Callable[[int], Awaitable[object]], key: int) -> None:
        try:
            value = await way(key)
        except (SQLAlchemyError, WellheadError, OSError) as error:
            self._outcome.errors.append(f"{type(error).__name__}: {error}")
        else:
            if value == key * 1000 + 7:
                self._outcome.right += 1
            else:
                self._outcome.wrong.append(value)

    async def _read(self, key: int) -> object:
        async with self._database.reader() as reader:
            return (await reader.exec(select(Changing.value).where(Changing.id == key))).one()

    async def _read_all_columns(self, key: int) -> object:
        every_column = text("SELECT * FROM changing WHERE id = :key").bindparams(key=key)
        async with self._database.reader() as reader:
            return (await reader.exec(every_column)).one().value

    async def _write(self, key: int) -> object:
        async with self._database.session() as session:
            row = (await session.exec(select(Changing).where(Changing.id == key))).one()
            flag_modified(row, "value")
            await session.flush()
            return (await session.exec(select(Changing.value).where(Changing.id == key))).one()

    async def _read_compiled(self, key: int) -> object:
        return await _VALUE.one(self._database, id=key)

    async def _read_row(self, key: int) -> object:
        return (await _ROW.one(self._database, id=key)).value

    async def _write_compiled(self, key: int) -> object:
        return await _KEPT.one(self._database, id=key)
