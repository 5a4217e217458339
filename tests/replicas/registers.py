"""Registers that several processes write and read by Wellhead, each client with its marks."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import BigInteger, Column, MetaData, String, Table, bindparam, func, insert, select
from sqlalchemy import text as sql

from bench.faults.chance import chance
from bench.fleet.history import RefusedError, UnansweredError
from bench.fleet.replicas import TABLE
from wellhead import CommitUnknownError, Database, WellheadError, compiled

_REGISTER = Table(TABLE, MetaData(), Column("key", String), Column("value", BigInteger))
_GREATEST = select(func.coalesce(func.max(_REGISTER.c.value), 0)).where(
    _REGISTER.c.key == bindparam("of")
)
_READ = compiled(_GREATEST)
_ADD = compiled(insert(_REGISTER).values(key=bindparam("of"), value=bindparam("new")))


async def _by_reader(database: Database, key: str) -> int:
    async with database.reader() as reader:
        return int(await reader.scalar(_GREATEST, {"of": key}))


async def _by_text(database: Database, key: str) -> int:
    statement = sql(f"SELECT coalesce(max(value), 0) FROM {TABLE} WHERE key = :of")  # noqa: S608 - a table of ours
    async with database.reader() as reader:
        return int(await reader.scalar(statement, {"of": key}))


async def _by_query(database: Database, key: str) -> int:
    return int(await _READ.one(database, of=key))


async def _in_session(database: Database, key: str) -> int:
    async with database.session() as session:
        return int(await session.scalar(_GREATEST, {"of": key}) or 0)


async def _add_in_session(database: Database, key: str, value: int) -> None:
    async with database.session() as session:
        await session.execute(insert(_REGISTER).values(key=key, value=value))


async def _add_by_query(database: Database, key: str, value: int) -> None:
    await _ADD.execute(database, of=key, new=value)


_READS: Sequence[Callable[[Database, str], Awaitable[int]]] = (
    _by_reader, _by_reader, _by_text, _by_query, _by_query, _in_session,
)  # fmt: skip
_WRITES: Sequence[Callable[[Database, str, int], Awaitable[None]]] = (
    _add_in_session, _add_by_query,
)  # fmt: skip


class MarkedRegisters:
    """Each operation is a request at any of the processes, with what its client has seen.

    Args:
        processes: A database for each process.
        seed: Decides which process is asked, and how.
    """

    def __init__(self, processes: Sequence[Database], *, seed: float) -> None:
        self._processes = processes
        self._rng = chance(seed)
        self._marks: defaultdict[int, list[str]] = defaultdict(list)

    async def write(self, client: int, key: str, value: int) -> None:
        add = self._rng.choice(_WRITES)
        await self._request(client, lambda database: add(database, key, value))

    async def read(self, client: int, key: str) -> int:
        found: list[int] = []

        async def read(database: Database) -> None:
            found.append(await self._rng.choice(_READS)(database, key))

        await self._request(client, read)
        return found[-1]

    def hand_over(self, giver: int, receiver: int) -> None:
        if giver != receiver:
            self._marks[receiver] += self._marks[giver]

    async def _request(self, client: int, work: Callable[[Database], Awaitable[None]]) -> None:
        database, marks = self._rng.choice(self._processes), self._marks[client]
        given = len(marks)
        with database.reading_after(*marks):
            try:
                await work(database)
            except CommitUnknownError as error:
                raise UnansweredError from error
            except WellheadError as error:
                raise RefusedError from error
            mark = await database.mark()
        # What others handed over in the meantime was not seen yet.
        marks[:given] = [mark]
