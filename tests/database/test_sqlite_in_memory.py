"""SQLite in memory, with the fixtures that people write."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import httpx2
import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import registry
from sqlalchemy.pool import StaticPool
from sqlmodel import Field, SQLModel

from wellhead import Database, DatabaseSettings
from wellhead.fastapi import ReaderDep, SessionDep, install, lifespan, session_of

URLS = (
    "sqlite+aiosqlite:///:memory:",
    "sqlite+aiosqlite://",
    "sqlite+aiosqlite:///file::memory:",
    "sqlite+aiosqlite:///file:of_this_test?mode=memory&cache=shared&uri=true",
)


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Item(Table, table=True):
    """A row."""

    code: str = Field(primary_key=True)


async def get_session(session: SessionDep) -> AsyncIterator[AsyncSession]:
    """What an application that followed the seeds has, on a session of Wellhead's."""
    yield session


def create_app(database: Database) -> FastAPI:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)

    @app.put("/items/{code}", status_code=201)
    async def add(code: str, session: SessionDep) -> Item:
        session.add(item := Item(code=code))
        return item

    @app.get("/items/{code}")
    async def read(code: str, reader: ReaderDep) -> Item | None:
        return await reader.get(Item, code)

    @app.get("/seeds/{code}")
    async def read_as_the_seeds_do(
        code: str, session: Annotated[AsyncSession, Depends(get_session, scope="function")]
    ) -> Item | None:
        return await session.get(Item, code)

    return app


async def empty_tables(database: Database) -> None:
    async with database, database.engine.begin() as connection:
        await connection.run_sync(Table.metadata.drop_all)
        await connection.run_sync(Table.metadata.create_all)


@pytest.fixture(params=URLS)
def database(request: pytest.FixtureRequest) -> Database:
    database = Database(DatabaseSettings(url=request.param))
    asyncio.run(empty_tables(database))
    return database


def test_tables_of_one_opening_are_there_in_the_next_and_in_another_event_loop(
    database: Database,
) -> None:
    for _ in range(2):
        with TestClient(create_app(database)) as client:
            client.put("/items/lamp")

            assert client.get("/items/lamp").json() == {"code": "lamp"}
            assert client.put("/items/lamp").status_code == 409


async def test_tables_are_made_again_in_the_event_loop_of_a_test() -> None:
    database = Database(DatabaseSettings(url=URLS[0]))
    await empty_tables(database)
    await empty_tables(database)
    async with database, database.session() as session:
        session.add(Item(code="lamp"))

    async with database, database.reader() as reader:
        assert await reader.get(Item, "lamp") is not None


async def test_each_database_object_has_an_empty_database_of_its_own() -> None:
    settings = DatabaseSettings(url=URLS[0])
    one, other = Database(settings), Database(settings)
    await empty_tables(one)
    async with one, one.session() as session:
        session.add(Item(code="lamp"))
    await empty_tables(other)

    async with other, other.reader() as reader:
        assert await reader.get(Item, "lamp") is None


async def test_an_engine_of_ones_own_reaches_a_database_that_is_shared_by_name() -> None:
    database = Database(DatabaseSettings(url=URLS[-1]))
    await empty_tables(database)
    engine = create_async_engine(URLS[-1], poolclass=StaticPool)
    async with AsyncSession(engine) as own:
        own.add(Item(code="lamp"))
        await own.commit()
    await engine.dispose()

    async with database, database.reader() as reader:
        assert await reader.get(Item, "lamp") is not None


class TestTheFixturesOfTheSeeds:
    """As ``seeds/database-connections-in-docker.md`` shows them."""

    @pytest.fixture
    async def engine(self) -> AsyncIterator[AsyncEngine]:
        engine = create_async_engine(URLS[0], poolclass=StaticPool)
        async with engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
        yield engine
        await engine.dispose()

    @pytest.fixture
    async def session(self, engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as session:
            session.add(Item(code="lamp"))
            await session.flush()
            yield session

    @pytest.fixture
    def app(self, session: AsyncSession) -> Iterator[FastAPI]:
        # Its database is never opened.
        app = create_app(Database(DatabaseSettings(url="postgresql://u:p@127.0.0.1:1/none")))
        app.dependency_overrides[get_session] = lambda: session
        app.dependency_overrides[session_of("default").dependency] = lambda: session
        yield app
        app.dependency_overrides.clear()

    async def ask(self, app: FastAPI, method: str, path: str) -> httpx2.Response:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path)

    async def test_a_dependency_of_the_applications_own_is_overridden(self, app: FastAPI) -> None:
        response = await self.ask(app, "GET", "/seeds/lamp")

        assert response.json() == {"code": "lamp"}

    async def test_the_session_of_a_route_is_overridden_and_nothing_commits_it(
        self, app: FastAPI, session: AsyncSession
    ) -> None:
        response = await self.ask(app, "PUT", "/items/desk")
        is_open = session.in_transaction()
        await session.flush()

        assert response.status_code == 201
        assert is_open
        assert await session.get(Item, "desk") is not None
