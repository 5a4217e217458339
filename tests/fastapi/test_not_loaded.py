"""Responses that read what was not loaded: 500, a line that names it, and no value of the row."""

import logging
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy.orm import registry
from sqlmodel import Field, Relationship, SQLModel

from tests.staging.databases import Databases
from tests.staging.server import serve
from wellhead import Database, DatabaseSettings
from wellhead.fastapi import PROBLEM_JSON, ReaderDep, RunDep, SessionDep, install, lifespan

SECRET = "s3cret"


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Ferry(Table, table=True):
    """A row with others that belong to it."""

    id: int = Field(primary_key=True)
    name: str
    trips: list["Trip"] = Relationship(back_populates="ferry")


class Trip(Table, table=True):
    """One of them."""

    id: int = Field(primary_key=True)
    name: str
    ferry_id: int | None = Field(default=None, foreign_key="ferry.id")
    ferry: Ferry | None = Relationship(back_populates="trips")


class TripRead(SQLModel):
    """A part of a response."""

    name: str


class FerryRead(SQLModel):
    """A response."""

    name: str
    trips: list[TripRead]


def application(database: Database) -> FastAPI:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    _add_routes(app)
    mounted = FastAPI()
    _add_routes(mounted)
    app.mount("/mounted", mounted)
    return app


def _add_routes(app: FastAPI) -> None:
    @app.get("/session", response_model=FerryRead)
    async def by_session(session: SessionDep) -> Ferry:
        return await session.get_one(Ferry, 1)

    @app.get("/reader", response_model=FerryRead)
    async def by_reader(reader: ReaderDep) -> Ferry | None:
        return await reader.get(Ferry, 1)

    @app.get("/run", response_model=FerryRead)
    async def by_run(run: RunDep) -> Ferry | None:
        return await run(lambda session: session.get(Ferry, 1))

    @app.get("/validated")
    async def validated(session: SessionDep) -> FerryRead:
        return FerryRead.model_validate(await session.get_one(Ferry, 1))

    @app.get("/counted")
    async def counted(session: SessionDep) -> int:
        return len((await session.get_one(Ferry, 1)).trips)

    @app.post("/renamed", response_model=FerryRead)
    async def renamed(session: SessionDep) -> Ferry:
        ferry = await session.get_one(Ferry, 1)
        ferry.name = "other"
        return ferry

    @app.get("/other", response_model=FerryRead)
    async def other() -> dict[str, str]:
        return {"name": SECRET}


@pytest.fixture
async def database(databases: Databases) -> Database:
    async with Database(DatabaseSettings(url=databases.create())) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
        async with database.session() as session:
            session.add(Ferry(id=1, name=SECRET, trips=[Trip(id=1, name=SECRET)]))
    return database


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    async with (
        serve(application(database)) as base,
        httpx2.AsyncClient(base_url=base) as client,
    ):
        yield client


@pytest.mark.parametrize("prefix", ["", "/mounted"])
@pytest.mark.parametrize("path", ["/session", "/reader", "/run", "/validated", "/counted"])
async def test_the_log_names_the_relationship_and_nobody_the_values(
    prefix: str, path: str, client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await client.get(f"{prefix}{path}")

    assert response.status_code == 500
    assert response.headers["content-type"] == PROBLEM_JSON
    assert response.json()["type"] == "urn:wellhead:programming"
    [record] = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert f"GET {prefix}{path} failed: programming" in record.getMessage()
    assert "Ferry.trips is not loaded" in record.getMessage()
    assert "selectinload(Ferry.trips)" in record.getMessage()
    assert SECRET not in caplog.text
    assert SECRET not in response.text


async def test_nothing_is_committed_whose_response_could_not_be_made(
    client: httpx2.AsyncClient, database: Database
) -> None:
    response = await client.post("/renamed")

    assert response.status_code == 500
    assert "commits" not in response.json()
    async with database.reader() as reader:
        ferry = await reader.get(Ferry, 1)
    assert ferry is not None
    assert ferry.name == SECRET


async def test_a_response_that_is_wrong_in_another_way_is_left_to_the_server(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await client.get("/other")

    assert response.status_code == 500
    assert response.json()["type"] == "about:blank"
    assert [each.name for each in caplog.records if each.levelno >= logging.ERROR] == [
        "uvicorn.error"
    ]
