"""Two databases in one application: how each is had, and what is told where one of them fails."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any

import asyncpg
import httpx2
import pytest
from fastapi import Depends, FastAPI, WebSocket
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient
from sqlalchemy import UniqueConstraint, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.staging.databases import Databases
from tests.staging.given import Postgres
from wellhead import Database, DatabaseSettings, Reader
from wellhead.fastapi import (
    ReaderDep,
    Run,
    RunDep,
    SessionDep,
    install,
    lifespan,
    reader_of,
    run_of,
    session_of,
)
from wellhead.testing.proxy import COMMIT, TCPProxy

SETTINGS: dict[str, Any] = {"connect_timeout": 2, "pool_timeout": 2.1, "run_timeout": 0.2}

Archive = Annotated[AsyncSession, session_of("archive")]
ArchiveReader = Annotated[Reader, reader_of("archive")]
ArchiveRun = Annotated[Run, run_of("archive")]


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Entry(Table, table=True):
    """A row of which COMMIT says whether it may be."""

    __table_args__ = (UniqueConstraint("value", deferrable=True, initially="DEFERRED"),)

    id: int | None = Field(default=None, primary_key=True)
    value: str


@dataclass
class Side:
    """One database, and the network in front of it."""

    database: Database
    proxy: TCPProxy
    url: str

    async def values(self) -> list[str]:
        """What is in it, asked past the network."""
        connection = await asyncpg.connect(self.url)
        rows = await connection.fetch("SELECT value FROM entry ORDER BY value")
        await connection.close()
        return [row["value"] for row in rows]


@dataclass
class Both:
    """The application, and both of its databases."""

    app: FastAPI
    client: httpx2.AsyncClient
    main: Side
    archive: Side


@pytest.fixture
def urls(databases: Databases) -> Iterator[list[str]]:
    urls = [databases.create(), databases.create()]
    yield urls
    for url in urls:
        databases.drop(url)


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
async def both(
    request: pytest.FixtureRequest, postgres: Postgres, urls: list[str]
) -> AsyncIterator[Both]:
    async with AsyncExitStack() as stack:
        sides = []
        for url in urls:
            proxy = await stack.enter_async_context(TCPProxy("127.0.0.1", postgres.port))
            through = url.replace(f":{postgres.port}/", f":{proxy.port}/")
            driven = through.replace("postgresql", request.param, 1)
            database = Database(DatabaseSettings(url=driven, **SETTINGS))
            await stack.enter_async_context(database)
            async with database.session() as session:
                connection = await session.connection()
                await connection.run_sync(Table.metadata.create_all)
                session.add(Entry(value="taken"))
            sides.append(Side(database, proxy, url))
        app = application(sides[0].database, sides[1].database)
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        client = httpx2.AsyncClient(transport=transport, base_url="http://test")
        yield Both(app, await stack.enter_async_context(client), *sides)


def application(main: Database, archive: Database) -> FastAPI:
    app = FastAPI()
    install(app, main, archive=archive)
    _add_lines_that_are_right(app, archive)
    _add_lines_of_their_own(app, main, archive)
    return app


def _add_lines_that_are_right(app: FastAPI, archive: Database) -> None:
    @app.post("/sessions", status_code=201)
    async def by_sessions(one: str, two: str, main: SessionDep, archive: Archive) -> None:
        main.add(Entry(value=one))
        archive.add(Entry(value=two))

    @app.post("/objects", status_code=201)
    async def by_objects(
        one: str,
        two: str,
        main: SessionDep,
        other: Annotated[AsyncSession, session_of(archive)],
    ) -> None:
        main.add(Entry(value=one))
        other.add(Entry(value=two))
        await other.flush()

    @app.post("/runs", status_code=201)
    async def by_runs(one: str, two: str, run: RunDep, run_archive: ArchiveRun) -> None:
        await run_archive(adding(two))
        await run(adding(one))

    @app.post("/nested-runs", status_code=201)
    async def by_nested_runs(one: str, two: str, run: RunDep, run_archive: ArchiveRun) -> None:
        async def work(session: AsyncSession) -> None:
            session.add(Entry(value=one))
            await run_archive(adding(two))

        await run(work)

    @app.post("/reading", status_code=201)
    async def reading_one(
        one: str, main: SessionDep, archive: Archive, reader: ArchiveReader
    ) -> None:
        await reader.exec(text("SELECT 1"))
        await archive.exec(select(Entry))
        main.add(Entry(value=one))


def _add_lines_of_their_own(app: FastAPI, main: Database, archive: Database) -> None:
    async def in_request_scope() -> AsyncIterator[AsyncSession]:
        async with archive.session() as session:
            yield session

    @app.post("/blocks", status_code=201)
    async def by_blocks(one: str, two: str) -> None:
        async with main.session() as first, archive.session() as second:
            first.add(Entry(value=one))
            second.add(Entry(value=two))

    @app.post("/one-block", status_code=201)
    async def by_one_block(one: str, two: str, session: SessionDep) -> None:
        session.add(Entry(value=one))
        async with archive.session() as second:
            second.add(Entry(value=two))

    @app.post("/request-scope", status_code=201)
    async def by_request_scope(
        one: str,
        two: str,
        session: SessionDep,
        second: Annotated[AsyncSession, Depends(in_request_scope)],
    ) -> None:
        session.add(Entry(value=one))
        second.add(Entry(value=two))


def adding(value: str) -> Callable[[AsyncSession], Awaitable[None]]:
    async def work(session: AsyncSession) -> None:
        session.add(Entry(value=value))

    return work


LINES = (
    "sessions", "objects", "runs", "nested-runs", "blocks", "one-block", "request-scope",
)  # fmt: skip


@pytest.mark.parametrize("line", LINES)
async def test_a_commit_that_fails_in_either_is_never_a_success_and_the_response_says_where(
    both: Both, line: str
) -> None:
    usual = await both.client.post(f"/{line}?one=first&two=first")

    # What is ended after the response is refused, whatever COMMIT would have said.
    assert usual.status_code == (500 if line == "request-scope" else 201)
    # Waiting for a server that is down takes long.
    failures = [
        "constraint",
        "lost",
        "unheard",
        *(["down"] if line in {"sessions", "runs"} else []),
    ]
    for failing, failure in product(("main", "archive"), failures):
        value = f"{failing} {failure}"
        values = {"one": value, "two": value}
        side: Side = getattr(both, failing)
        if failure == "constraint":
            values["one" if failing == "main" else "two"] = "taken"
        elif failure == "down":
            await side.proxy.refuse()
            await side.proxy.cut()
        else:
            side.proxy.break_at(COMMIT, passes=failure == "unheard")
        response = await both.client.post(f"/{line}", params=values)
        await side.proxy.accept()
        told = response.json()
        done = {
            name
            for name, each in {"default": both.main, "archive": both.archive}.items()
            if value in await each.values()
        }
        assert response.status_code >= 400, (value, told)
        assert done >= set(told.get("committed", [])), (value, told)
        assert done.isdisjoint(told.get("not_committed", [])), (value, told)
        assert done <= {*told.get("committed", []), *told.get("unknown", [])}, (value, told)
        assert not done or response.status_code >= 500, (value, told)
        assert not done or "retry-after" not in response.headers, (value, told)
        side.proxy.reset()


async def test_a_part_that_was_done_is_named_with_the_part_that_was_not(
    both: Both, caplog: pytest.LogCaptureFixture
) -> None:
    response = await both.client.post("/sessions?one=taken&two=other")

    assert response.status_code == 500
    assert response.json() == {
        "type": "urn:wellhead:partly_committed",
        "title": "Only part of this was done: check before you send it again.",
        "status": 500,
        "commits": 1,
        "committed": ["archive"],
        "not_committed": ["default"],
    }
    [record] = [each for each in caplog.records if each.levelname == "ERROR"]
    assert "archive committed, default did not: duplicate key" in record.getMessage()


async def test_what_the_other_database_refuses_at_once_is_heard_before_any_commit(
    both: Both,
) -> None:
    async with both.main.database.session() as session:
        constraint = text("ALTER TABLE entry ADD CONSTRAINT short CHECK (length(value) < 9)")
        await (await session.connection()).execute(constraint)
    response = await both.client.post("/sessions?one=much-too-long&two=other")

    assert response.status_code == 422
    assert "committed" not in response.json()
    assert await both.archive.values() == ["taken"]


async def test_a_database_that_was_only_read_is_no_part_of_it(both: Both) -> None:
    response = await both.client.post("/reading?one=taken")

    assert response.status_code == 409
    assert "committed" not in response.json()


async def test_what_one_committed_is_not_repeated_with_the_other(both: Both) -> None:
    both.main.proxy.break_at(COMMIT, passes=False)
    response = await both.client.post("/nested-runs?one=new&two=other")

    assert response.status_code == 503
    assert response.json()["committed"] == ["archive"]
    assert await both.archive.values() == ["other", "taken"]


async def test_a_handler_of_the_application_hears_that_only_a_part_was_done(
    both: Both,
) -> None:

    @both.app.exception_handler(IntegrityError)
    async def conflict(request: object, error: Exception) -> PlainTextResponse:
        del request, error
        return PlainTextResponse("exists already", status_code=409)

    alone = await both.client.post("/reading?one=taken")
    partly = await both.client.post("/sessions?one=taken&two=other")

    assert (alone.status_code, partly.status_code) == (409, 500)


def test_a_request_has_one_session_of_a_database_however_it_is_asked_for(urls: list[str]) -> None:
    main, archive = (Database(DatabaseSettings(url=url)) for url in urls)
    by_object = session_of(archive)
    app = FastAPI(lifespan=lifespan(main, archive))
    install(app, main, archive=archive)

    async def below(session: Archive) -> int:
        return id(session)

    @app.get("/")
    async def compare(
        default: SessionDep,
        one: Archive,
        two: Annotated[AsyncSession, session_of("archive")],
        three: Annotated[AsyncSession, by_object],
        four: Annotated[int, Depends(below)],
    ) -> list[bool]:
        return [one is two, one is three, id(one) == four, one is default]

    with TestClient(app) as client:
        assert client.get("/").json() == [True, True, True, False]


def test_a_test_may_put_another_in_its_place(urls: list[str]) -> None:
    main, archive = (Database(DatabaseSettings(url=url)) for url in urls)
    app = FastAPI(lifespan=lifespan(main, archive))
    install(app, main, archive=archive)

    @app.get("/")
    async def read(reader: ArchiveReader) -> str:
        return str(reader)

    app.dependency_overrides[reader_of("archive").dependency] = lambda: "staged"
    with TestClient(app) as client:
        assert client.get("/").json() == "staged"


def test_a_websocket_has_it_too(urls: list[str]) -> None:
    main, archive = (Database(DatabaseSettings(url=url)) for url in urls)
    app = FastAPI(lifespan=lifespan(main, archive))
    install(app, main, archive=archive)

    @app.websocket("/")
    async def serve(socket: WebSocket, reader: ArchiveReader, default: ReaderDep) -> None:
        await socket.accept()
        numbers = [(await each.exec(select(7))).one() for each in (reader, default)]
        await socket.send_json(numbers)
        await socket.close()

    with TestClient(app) as client, client.websocket_connect("/") as socket:
        assert socket.receive_json() == [7, 7]


async def test_a_name_that_the_application_does_not_know_is_refused_with_those_it_knows(
    both: Both, caplog: pytest.LogCaptureFixture
) -> None:

    @both.app.get("/wrong")
    async def ask(session: Annotated[AsyncSession, session_of("archiv")]) -> None: ...

    response = await both.client.get("/wrong")

    assert response.status_code == 500
    assert "no database 'archiv'; it has default, archive" in caplog.text
