"""Registers that are written and read through Wellhead, which chooses the replica of each read."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import BigInteger, Column, MetaData, String, Table, bindparam, func, insert, select

from bench.faults.chance import chance
from wellhead import Database, compiled

T = TypeVar("T")

_REGISTER = Table("register", MetaData(), Column("key", String), Column("value", BigInteger))
_GREATEST = select(func.coalesce(func.max(_REGISTER.c.value), 0)).where(
    _REGISTER.c.key == bindparam("key")
)
_READ = compiled(_GREATEST)
_WRITE = compiled(insert(_REGISTER).values(key=bindparam("key"), value=bindparam("value")))


async def _by_reader(database: Database, key: str) -> int:
    async with database.reader() as reader:
        found: int = (await reader.execute(_GREATEST, {"key": key})).scalar_one()
        return found


async def _by_query(database: Database, key: str) -> int:
    found: int = await _READ.one(database, key=key)
    return found


async def _by_session(database: Database, key: str, value: int) -> None:
    async with database.session() as session:
        await session.execute(insert(_REGISTER).values(key=key, value=value))


async def _by_compiled_write(database: Database, key: str, value: int) -> None:
    await _WRITE.execute(database, key=key, value=value)


_READS: tuple[Callable[[Database, str], Awaitable[int]], ...] = (_by_reader, _by_query)
_WRITES: tuple[Callable[[Database, str, int], Awaitable[None]], ...] = (
    _by_session,
    _by_compiled_write,
)


class RoutedRegisters:
    """Reads go to a replica or to the primary, as Wellhead decides; no failure is forgiven.

    Each client carries its mark from one operation to the next, as requests of a browser do.

    Args:
        database: Open, with replicas.
        seed: Decides which of Wellhead's ways to read and to write is taken.
    """

    def __init__(self, database: Database, *, seed: float) -> None:
        self._database = database
        self._rng = chance(seed)
        self._marks: dict[int, str] = {}

    async def write(self, client: int, key: str, value: int) -> None:
        """Add a value to a register."""
        await self._by(client, self._rng.choice(_WRITES)(self._database, key, value))

    async def read(self, client: int, key: str) -> int:
        """The greatest value of a register."""
        return await self._by(client, self._rng.choice(_READS)(self._database, key))

    async def hand_over(self, giver: int, receiver: int) -> None:
        """Give the mark of one client to another, which has done nothing yet."""
        self._marks[receiver] = self._marks.get(giver, "")

    def replicas_up(self) -> int:
        """How many replicas get reads."""
        return sum(each.is_up for each in self._database.replica_stats())

    def at_replicas(self) -> int:
        """How many statements replicas were sent."""
        return sum(each.reads for each in self._database.replica_stats())

    async def _by(self, client: int, work: Awaitable[T]) -> T:
        with self._database.reading_after(self._marks.get(client, "")):
            result = await work
            self._marks[client] = await self._database.mark()
        return result
