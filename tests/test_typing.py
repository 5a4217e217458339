"""What a type checker sees of the public surface; mypy checks the assertions in `make check`."""

from collections.abc import Sequence
from typing import assert_type, get_type_hints

from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead import Database, HealthReport, PoolStats, PostgresURL, Reader, SQLiteURL, parse_url
from wellhead.fastapi import ReaderDep, Run, RunDep, SessionDep


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Thing(Table, table=True):
    """A row to ask for."""

    id: int = Field(primary_key=True)
    name: str


async def reads(reader: Reader) -> None:
    assert_type((await reader.exec(select(Thing))).all(), Sequence[Thing])
    assert_type((await reader.exec(select(Thing.id, Thing.name))).one(), tuple[int, str])
    assert_type(await reader.get(Thing, 1), Thing | None)


async def find(session: AsyncSession) -> Thing | None:
    return await session.get(Thing, 1)


async def runs(database: Database, run: Run) -> None:
    assert_type(await database.run(find), Thing | None)
    assert_type(await run(find), Thing | None)
    assert_type(await run(lambda session: session.get(Thing, 1)), Thing | None)


async def opens(database: Database) -> None:
    async with database as opened:
        assert_type(opened, Database)
    async with database.session() as session:
        assert_type(session, AsyncSession)
    async with database.reader() as reader:
        assert_type(reader, Reader)
    assert_type(database.stats(), PoolStats)
    assert_type(await database.check(), HealthReport)
    assert_type(parse_url(""), PostgresURL | SQLiteURL)


async def route(session: SessionDep, reader: ReaderDep, run: RunDep) -> None:
    assert_type(session, AsyncSession)
    assert_type(reader, Reader)
    assert_type(run, Run)


def test_the_aliases_are_plain_classes_to_whoever_looks_at_run_time() -> None:
    assert get_type_hints(route) == {
        "session": AsyncSession,
        "reader": Reader,
        "run": Run,
        "return": type(None),
    }


def test_a_session_is_no_reader_and_a_reader_no_session() -> None:
    assert not issubclass(Reader, AsyncSession)
