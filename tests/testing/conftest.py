"""A small application, and the fixtures of the plugin for it, on this run's server."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import ForeignKeyConstraint, MetaData, text
from sqlmodel import Field, SQLModel, func, select

from tests.staging.given import Postgres
from tests.testing.shelf import fill
from wellhead import Database, DatabaseSettings, ExclusiveSession
from wellhead.fastapi import ReaderDep, RunDep, SessionDep, install, lifespan
from wellhead.testing import Network


class Shop(SQLModel):
    metadata = MetaData()


class Item(Shop, table=True):
    code: str = Field(primary_key=True)


class Line(Shop, table=True):
    __table_args__ = (
        ForeignKeyConstraint(["code"], ["item.code"], deferrable=True, initially="DEFERRED"),
    )

    id: int | None = Field(default=None, primary_key=True)
    code: str


def create_app(database: Database[Any]) -> FastAPI:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)

    @app.put("/items/{code}", status_code=201)
    async def add(code: str, session: SessionDep) -> Item:
        item = Item(code=code)
        session.add(item)
        return item

    @app.put("/items/{code}/by-run", status_code=201)
    async def add_by_run(code: str, run: RunDep) -> None:
        async def work(session: ExclusiveSession) -> None:
            session.add(Item(code=code))

        await run(work)

    @app.put("/lines/{code}", status_code=201)
    async def add_line(code: str, session: SessionDep) -> None:
        session.add(Line(code=code))

    @app.get("/items")
    async def count(reader: ReaderDep) -> int:
        return (await reader.exec(select(func.count()).select_from(Item))).one()

    @app.get("/items/{code}/twice")
    async def read_twice(code: str, reader: ReaderDep, session: SessionDep) -> list[bool]:
        found: list[object] = [await reader.get(Item, code), await session.get(Item, code)]
        by_text = text("SELECT code FROM item WHERE code = :code").bindparams(code=code)
        found.append((await reader.exec(by_text)).first())
        found.append(await reader.get(Item, code))
        return [each is not None for each in found]

    return app


@pytest.fixture(scope="session")
def wellhead_schema() -> MetaData:
    return Shop.metadata


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
def wellhead_database(request: pytest.FixtureRequest, wellhead_url: str) -> Database:
    url = wellhead_url.replace("postgresql", str(request.param), 1)
    return Database(DatabaseSettings(url=url))


@pytest.fixture
async def client(database: Database[Any]) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that runs no lifespan."""
    transport = httpx2.ASGITransport(create_app(database), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
def network(postgres: Postgres) -> Iterator[Network]:
    """The network of a test whose commits are real."""
    with Network(postgres.url) as network, network.present():
        yield network


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
def network_url(request: pytest.FixtureRequest, network: Network, database_url: str) -> str:
    """The test's database through the network, for either driver."""
    return network.through(database_url).replace("postgresql", str(request.param), 1)


@pytest.fixture
async def shelf(network_url: str) -> AsyncIterator[Database]:
    """A database that is open in the test's event loop, with some rows."""
    settings = DatabaseSettings(url=network_url, connect_timeout=3, pool_timeout=4)
    async with Database(settings) as database:
        await fill(database)
        yield database
