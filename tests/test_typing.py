"""What a type checker sees of the public surface; mypy checks the assertions in `make check`."""

from collections.abc import AsyncIterator, Sequence
from typing import assert_type, get_type_hints

from pydantic import BaseModel
from sqlalchemy import bindparam, insert
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead import (
    Database,
    HealthReport,
    PoolStats,
    PostgresURL,
    Query,
    Reader,
    SQLiteURL,
    compiled,
    parse_url,
)
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


class Named(BaseModel):
    """What is made of a row."""

    name: str


async def compiles(database: Database, reader: Reader, session: AsyncSession) -> None:
    things = compiled(select(Thing).where(Thing.id == bindparam("id")))
    assert_type(things, Query[Thing])
    assert_type(await things.one(database, id=1), Thing)
    assert_type(await things.first(reader, id=1), Thing | None)
    assert_type(await things.all(session, id=1), list[Thing])
    assert_type(await compiled(select(Thing.id, Thing.name)).one(database), tuple[int, str])
    assert_type(compiled(select(Thing.name), into=Named), Query[Named])
    assert_type(await compiled(insert(Thing)).execute(database, id=1, name="a"), int)
    async with things.stream(database, id=1) as results:
        assert_type(results, AsyncIterator[Thing])


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
