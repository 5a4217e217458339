"""SQLAdmin, given the engine when the program starts: its pages, on the pool of the database."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, col, select

from tests.staging.patience import until
from tests.staging.server import serve
from tests.staging.tools import tool
from wellhead import Database, DatabaseSettings, ExclusiveSession
from wellhead.fastapi import install, lifespan

sqladmin = tool("sqladmin")
ModelView: Any = sqladmin.ModelView


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Pier(Table, table=True):
    """A row that an administrator changes."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)


class PierAdmin(ModelView, model=Pier):  # type: ignore[misc,call-arg]  # it may be missing
    """Its pages."""

    column_list = ("id", "name")
    form_columns = ("name",)


def by_engine(engine: AsyncEngine) -> dict[str, Any]:
    return {"engine": engine}


def by_maker(engine: AsyncEngine) -> dict[str, Any]:
    maker = async_sessionmaker(engine, class_=ExclusiveSession, expire_on_commit=False)
    return {"session_maker": maker}


@pytest.fixture
def database(either_url: str) -> Database:
    return Database(DatabaseSettings(url=either_url, pool_size=1, max_overflow=0))


@pytest.fixture(params=[by_engine, by_maker])
def app(request: pytest.FixtureRequest, database: Database) -> FastAPI:
    """An application that is whole before the database is open."""
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    sqladmin.Admin(app, **request.param(database.engine)).add_view(PierAdmin)
    return app


@pytest.fixture
async def client(app: FastAPI, database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    async with serve(app) as base, httpx2.AsyncClient(base_url=f"{base}/admin") as client:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
        yield client
        await until(lambda: database.stats().checked_out == 0)


async def names(database: Database) -> list[str]:
    async with database.reader() as reader:
        return list((await reader.exec(select(Pier.name).order_by(col(Pier.id)))).all())


async def test_rows_are_listed_created_changed_and_deleted(
    client: httpx2.AsyncClient, database: Database
) -> None:
    created = await client.post("/pier/create", data={"name": "north"})
    assert (created.status_code, await names(database)) == (302, ["north"])

    listed = await client.get("/pier/list")
    assert listed.status_code == 200
    assert "north" in listed.text
    assert (await client.get("/pier/details/1")).status_code == 200

    changed = await client.post("/pier/edit/1", data={"name": "south"})
    assert (changed.status_code, await names(database)) == (302, ["south"])

    deleted = await client.delete("/pier/delete", params={"pks": "1"})
    assert (deleted.status_code, await names(database)) == (200, [])


async def test_a_form_that_the_database_refuses_shows_no_statement_and_no_value(
    client: httpx2.AsyncClient, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await client.post("/pier/create", data={"name": "north"})

    twice = await client.post("/pier/create", data={"name": "north"})

    assert twice.status_code == 400
    assert "pier_name_key" in twice.text
    assert "INSERT" not in twice.text
    assert "Key (name)" not in twice.text + caplog.text
    assert await names(database) == ["north"]


async def test_before_the_database_is_open_a_page_says_that_it_is_starting(
    app: FastAPI,
) -> None:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get("/admin/pier/list")

    assert response.status_code == 503
    assert response.json()["type"] == "urn:wellhead:not_open"
