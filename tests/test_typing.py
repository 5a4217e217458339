"""What a type checker sees of the public surface; mypy checks the assertions in `make check`."""

# mypy: enable-error-code="deprecated"

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, assert_type, get_type_hints

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import Result, ScalarResult, bindparam, insert
from sqlalchemy import select as sa_select
from sqlalchemy.ext import asyncio as async_orm
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead import (
    Database,
    ExclusiveSession,
    HealthReport,
    PoolStats,
    PostgresURL,
    Query,
    Reader,
    SQLiteURL,
    compiled,
    parse_url,
)
from wellhead.fastapi import ReaderDep, Run, RunDep, SessionDep, install, lifespan


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
    assert_type(await reader.scalars(sa_select(Thing)), ScalarResult[Thing])


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
        assert_type(session, ExclusiveSession)
    async with database.reader() as reader:
        assert_type(reader, Reader)
    assert_type(database.stats(), PoolStats)
    assert_type(await database.check(), HealthReport)
    assert_type(parse_url(""), PostgresURL | SQLiteURL)


async def route(session: SessionDep, reader: ReaderDep, run: RunDep) -> None:
    assert_type(session, ExclusiveSession)
    assert_type(reader, Reader)
    assert_type(run, Run)


async def comes_from_sqlalchemy(session: SessionDep) -> None:
    assert_type(await session.execute(sa_select(Thing)), Result[Thing])
    assert_type(await session.scalars(sa_select(Thing)), ScalarResult[Thing])
    await session.run_sync(lambda sync: sync.execute(sa_select(Thing)))


class OfTheApplication(async_orm.AsyncSession):
    """A session class that an application brings."""

    tenant = "none"


async def own_session(session: SessionDep) -> OfTheApplication:
    assert isinstance(session, OfTheApplication)
    return session


async def own_route(
    session: Annotated[OfTheApplication, Depends(own_session)], database: Database[OfTheApplication]
) -> str:
    async def tenant_of(session: OfTheApplication) -> str:
        return session.tenant

    async with database.session() as other:
        assert_type(other, OfTheApplication)
    assert_type(await database.run(tenant_of), str)
    return session.tenant


def composes(app: FastAPI) -> None:
    database = Database(session_class=OfTheApplication)
    assert_type(database, Database[OfTheApplication])
    assert_type(Database(), Database[ExclusiveSession])
    lifespan(database)
    install(app, database)


def test_the_aliases_are_plain_classes_to_whoever_looks_at_run_time() -> None:
    assert get_type_hints(route) == {
        "session": ExclusiveSession,
        "reader": Reader,
        "run": Run,
        "return": type(None),
    }


def test_a_session_is_no_reader_and_a_reader_no_session() -> None:
    assert not issubclass(Reader, AsyncSession)
