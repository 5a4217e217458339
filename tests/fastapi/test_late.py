"""What would be committed after the response: refused, or told of where that is too late."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Annotated

import httpx2
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead import Database, DatabaseSettings
from wellhead.fastapi import install

ADD = text("INSERT INTO word VALUES ('added')")


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Word(Table, table=True):
    """A row."""

    text: str = Field(primary_key=True)


@pytest.fixture
async def database(either_url: str) -> AsyncIterator[Database]:
    async with Database(DatabaseSettings(url=either_url)) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
        yield database


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(application(database), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def of_wellhead(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What Wellhead said; psycopg has something to say when it cancels."""
    return [each.getMessage() for each in caplog.records if each.name.startswith("wellhead")]


async def words(database: Database) -> list[str]:
    async with database.reader() as reader:
        return sorted((await reader.exec(select(Word.text))).all())


def application(database: Database) -> FastAPI:
    app = FastAPI()
    install(app, database)
    _add_routes_in_request_scope(app)
    _add_routes_that_are_taken(app)
    _add_routes_by_hand(app, database)
    _add_work_of_its_own(app, database)
    _add_work_of_another_task(app, database)
    return app


async def usual(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.wellhead.databases["default"].session() as session:
        yield session


async def swallowing(request: Request) -> AsyncIterator[AsyncSession]:
    with suppress(Exception):
        async with request.app.state.wellhead.databases["default"].session() as session:
            yield session


def _add_routes_in_request_scope(app: FastAPI) -> None:
    @app.post("/added", status_code=201)
    async def add(session: Annotated[AsyncSession, Depends(usual)]) -> None:
        session.add(Word(text="added"))

    @app.post("/flushed", status_code=201)
    async def flush(session: Annotated[AsyncSession, Depends(usual)]) -> None:
        session.add(Word(text="added"))
        await session.flush()

    @app.post("/by-text", status_code=201)
    async def send_text(session: Annotated[AsyncSession, Depends(usual)]) -> None:
        await (await session.connection()).execute(ADD)

    @app.post("/swallowed", status_code=201)
    async def swallow(session: Annotated[AsyncSession, Depends(swallowing)]) -> None:
        session.add(Word(text="added"))


def _add_routes_that_are_taken(app: FastAPI) -> None:
    @app.post("/committed", status_code=201)
    async def commit(session: Annotated[AsyncSession, Depends(usual)]) -> Word:
        word = Word(text="added")
        session.add(word)
        await session.commit()
        await session.refresh(word)
        return word

    @app.get("/streamed")
    async def stream(session: Annotated[AsyncSession, Depends(usual)]) -> StreamingResponse:
        found = await session.stream_scalars(select(Word.text))

        async def lines() -> AsyncIterator[str]:
            async for word in found:
                yield word

        return StreamingResponse(lines())


def _add_routes_by_hand(app: FastAPI, database: Database) -> None:
    async def by_session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(database.engine) as session:
            yield session
            await session.commit()

    async def by_engine() -> AsyncIterator[AsyncConnection]:
        async with database.engine.begin() as connection:
            yield connection

    @app.post("/by-session/{word}", status_code=201)
    async def add(word: str, session: Annotated[AsyncSession, Depends(by_session)]) -> None:
        session.add(Word(text=word))

    @app.get("/by-session")
    async def read(session: Annotated[AsyncSession, Depends(by_session)]) -> int:
        return len((await session.exec(select(Word))).all())

    @app.post("/by-engine", status_code=201)
    async def send(connection: Annotated[AsyncConnection, Depends(by_engine)]) -> None:
        await connection.execute(ADD)


def ways_to_add(database: Database) -> dict[str, Callable[[], Awaitable[None]]]:
    async def add() -> None:
        async with database.session() as session:
            session.add(Word(text="added"))

    async def add_by_hand() -> None:
        async with AsyncSession(database.engine) as session:
            session.add(Word(text="added"))
            await session.commit()

    async def add_by_engine() -> None:
        async with database.engine.begin() as connection:
            await connection.execute(ADD)

    return {"session": add, "hand": add_by_hand, "engine": add_by_engine}


def _add_work_of_its_own(app: FastAPI, database: Database) -> None:
    ways = ways_to_add(database)

    @app.post("/background/{way}")
    async def background(way: str, tasks: BackgroundTasks) -> None:
        tasks.add_task(ways[way])

    @app.post("/stream/{way}")
    async def stream(way: str) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            await ways[way]()
            yield "added"

        return StreamingResponse(lines())

    async def add_afterwards(way: str) -> AsyncIterator[None]:
        yield
        await ways[way]()

    @app.post("/afterwards/{way}", dependencies=[Depends(add_afterwards)])
    async def afterwards(way: str) -> None: ...


def _add_work_of_another_task(app: FastAPI, database: Database) -> None:
    @app.post("/other-task")
    async def in_another_task() -> None:
        is_open = asyncio.Event()

        async def work() -> None:
            async with database.session() as session:
                session.add(Word(text="added"))
                is_open.set()
                await app.state.may_end.wait()

        app.state.may_end = asyncio.Event()
        app.state.task = asyncio.create_task(work())
        await is_open.wait()


@pytest.mark.parametrize("path", ["added", "flushed", "by-text", "swallowed"])
async def test_a_response_is_refused_while_a_session_is_open_that_has_something_to_commit(
    client: httpx2.AsyncClient, database: Database, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = await client.post(f"/{path}")

    assert response.status_code == 500
    assert response.json()["type"] == "urn:wellhead:programming"
    assert await words(database) == []
    assert f"POST /{path} failed: programming (LateCommitError" in caplog.text
    assert 'scope="function"' in caplog.text


async def test_one_that_has_committed_and_read_since_is_none_of_these(
    client: httpx2.AsyncClient, database: Database
) -> None:
    response = await client.post("/committed")

    assert (response.status_code, response.json()) == (201, {"text": "added"})
    assert await words(database) == ["added"]


async def test_a_session_that_only_reads_may_outlive_the_beginning_of_the_response(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await client.post("/committed")
    response = await client.get("/streamed")

    assert (response.status_code, response.text) == (200, "added")
    assert of_wellhead(caplog) == []


async def test_what_another_session_commits_after_the_response_is_told_of_once_for_each_route(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    statuses = [
        (await client.request(method, path)).status_code
        for method, path in (
            ("POST", "/by-session/one"),
            ("POST", "/by-session/two"),
            ("GET", "/by-session"),
            ("POST", "/by-engine"),
        )
    ]

    assert statuses == [201, 201, 200, 201]
    told = [each for each in caplog.records if each.levelname == "ERROR"]
    assert [getattr(each, "route", None) for each in told] == [
        "POST /by-session/{word}",
        "POST /by-engine",
    ]
    assert 'scope="function"' in told[0].getMessage()


@pytest.mark.parametrize("way", ["session", "hand", "engine"])
@pytest.mark.parametrize("where", ["background", "stream", "afterwards"])
async def test_what_opens_its_own_after_the_response_has_begun_is_left_alone(
    client: httpx2.AsyncClient,
    database: Database,
    where: str,
    way: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    response = await client.post(f"/{where}/{way}")

    assert response.status_code == 200
    assert await words(database) == ["added"]
    assert of_wellhead(caplog) == []


async def test_the_session_of_another_task_is_that_ones_own_affair(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(database)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.post("/other-task")
        app.state.may_end.set()
        await app.state.task

    assert response.status_code == 200
    assert await words(database) == ["added"]
    assert of_wellhead(caplog) == []
