"""Sessions and readers in routes, over a real socket."""

from typing import Annotated, get_args

import httpx2
import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.staging.server import serve
from wellhead import Database, DatabaseSettings
from wellhead.fastapi import ReaderDep, SessionDep, install, lifespan


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Parent(Table, table=True):
    """What a child refers to."""

    id: int = Field(primary_key=True)


class Child(Table, table=True):
    """A row whose constraint is checked at COMMIT, which is where a lost write hides."""

    __table_args__ = (
        ForeignKeyConstraint(["parent_id"], ["parent.id"], deferrable=True, initially="DEFERRED"),
    )

    id: int = Field(primary_key=True)
    parent_id: int


SHIPPED = get_args(SessionDep)[1]
USUAL = Depends(SHIPPED.dependency)


@pytest.fixture
async def database(database_url: str) -> Database:
    database = Database(DatabaseSettings(url=database_url))
    async with database, database.engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    return database


def application(database: Database, dependency: object) -> FastAPI:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)

    @app.post("/children/{parent_id}", status_code=201)
    async def create(
        parent_id: int, session: Annotated[AsyncSession, dependency]
    ) -> dict[str, int]:
        session.add(Child(id=1, parent_id=parent_id))
        return {"id": 1}

    @app.get("/children")
    async def count(reader: ReaderDep) -> int:
        return len((await reader.exec(select(Child))).all())

    return app


async def test_a_commit_that_fails_never_answers_2xx(database: Database) -> None:
    async with serve(application(database, SHIPPED)) as base, httpx2.AsyncClient() as client:
        refused = await client.post(f"{base}/children/404")
        rows = await client.get(f"{base}/children")

    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    assert rows.json() == 0


async def test_without_function_scope_the_same_failure_hides_behind_a_201(
    database: Database,
) -> None:
    """What the alias protects from; were this to change, the alias could go."""
    async with serve(application(database, USUAL)) as base:
        async with httpx2.AsyncClient() as client:
            lost = await client.post(f"{base}/children/404")
        async with httpx2.AsyncClient() as client:
            rows = await client.get(f"{base}/children")

    assert lost.status_code == 201
    assert rows.json() == 0
