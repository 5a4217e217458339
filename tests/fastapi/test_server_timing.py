"""The tally of a request: its header, and the warning about what it repeats."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Request
from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.staging.patience import until
from wellhead import Database, DatabaseSettings, compiled
from wellhead.fastapi import ReaderDep, RunDep, SessionDep, deadline, install
from wellhead.fastapi.server_timing import RequestTallies
from wellhead.sessions import ExclusiveSession
from wellhead.sessions.tallying import tallying
from wellhead.testing.proxy import TCPProxy

TIMES = 8
"""Requests for the same: a driver prepares a statement at its first use, or after its fifth."""

LIMIT = 3

SHOWN = re.compile(
    r'db;dur=[\d.]+;desc="(\d+) quer(?:y|ies) in (\d+) round trips?", '
    r'db-wait;dur=[\d.]+;desc="waiting for a connection"'
)


class Base(DeclarativeBase):
    """The tables of this module."""


class Line(Base):
    """A row."""

    __tablename__ = "line"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


FIND = compiled(select(Line).where(Line.id == bindparam("id")))
ADD = compiled(insert(Line).values(text=bindparam("text")).returning(Line.id))


routes = APIRouter()


@routes.get("/nothing")
async def nothing() -> None:
    pass


@routes.get("/reader")
async def read(reader: ReaderDep) -> None:
    await reader.scalars(select(Line))


@routes.get("/tenant")
async def read_as_tenant(reader: ReaderDep) -> None:
    reader.set_local({"app.tenant": "7"})
    await reader.scalars(select(Line))


@routes.get("/session")
async def write(session: SessionDep) -> None:
    session.add(Line(text="x"))
    await session.flush()
    await session.scalars(select(Line))


@routes.get("/savepoint")
async def write_apart(session: SessionDep) -> None:
    async with session.begin_nested():
        session.add(Line(text="x"))


@routes.get("/many")
async def write_many(session: SessionDep) -> None:
    await session.execute(update(Line), [{"id": each, "text": "y"} for each in range(1, 6)])


@routes.get("/batches")
async def write_batches(session: SessionDep) -> None:
    await session.run_sync(
        lambda sync: sync.connection(execution_options={"insertmanyvalues_page_size": 2}).execute(
            insert(Line).returning(Line.id), [{"text": str(each)} for each in range(10)]
        )
    )


@routes.get("/stream")
async def stream(session: SessionDep) -> None:
    async for _ in await session.stream_scalars(select(Line).limit(3)):
        pass


@routes.get("/run")
async def work(run: RunDep) -> None:
    async def add(session: ExclusiveSession) -> None:
        session.add(Line(text="x"))

    await run(add)


@routes.get("/compiled/read")
async def find(request: Request) -> None:
    await FIND.one(request.app.state.database, id=1)


@routes.get("/compiled/write")
async def add(request: Request) -> None:
    await ADD.one(request.app.state.database, text="x")


@routes.get("/failing")
async def fail(session: SessionDep) -> None:
    with pytest.raises(IntegrityError):
        await session.execute(insert(Line).values(id=1, text="x"))
    raise HTTPException(409)


@routes.get("/each/{times}")
async def read_each(times: int, reader: ReaderDep) -> None:
    for each in range(times):
        await reader.get(Line, each + 1)


@routes.get("/lists")
async def read_lists(reader: ReaderDep) -> None:
    for each in range(1, LIMIT + 2):
        await reader.scalars(select(Line).where(Line.id.in_(range(each))))


@routes.get("/compiled/each")
async def find_each(request: Request) -> None:
    for _ in range(LIMIT + 1):
        await FIND.one(request.app.state.database, id=1)


@routes.get("/run_sync")
async def read_inside(session: SessionDep) -> None:
    await session.run_sync(lambda sync: [sync.get(Line, 100 + each) for each in range(5)])


@routes.get("/late", dependencies=[deadline(0.1)])
async def wait(session: SessionDep) -> None:
    await session.execute(text("SELECT pg_sleep(60)"))


def application(database: Database) -> FastAPI:
    app = FastAPI()
    app.state.database = database
    install(app, database)
    app.include_router(routes)
    return app


@pytest.fixture
async def database(either_url: str) -> AsyncIterator[Database]:
    settings = DatabaseSettings(
        url=either_url, pool_size=1, max_overflow=0,
        server_timing=True, repeated_query_threshold=LIMIT,
    )  # fmt: skip
    async with Database(settings) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
            await connection.execute(insert(Line), [{"text": "first"}] * 5)
        yield database


def client_of(app: FastAPI) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app)
    return httpx2.AsyncClient(transport=transport, base_url="http://test")


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(application(database)) as client:
        yield client


def shown_in(response: httpx2.Response) -> tuple[int, int]:
    """The queries and the round trips of the header."""
    found = SHOWN.fullmatch(response.headers["server-timing"])
    assert found is not None, response.headers["server-timing"]
    return int(found[1]), int(found[2])


QUERIES = {
    "/reader": 1, "/tenant": 2, "/session": 2, "/savepoint": 3, "/many": 1, "/batches": 5,
    "/stream": 1, "/run": 1, "/compiled/read": 1, "/compiled/write": 1, "/failing": 1,
}  # fmt: skip


@pytest.mark.parametrize("path", QUERIES)
async def test_the_header_has_the_queries_and_the_round_trips_of_the_network(
    client: httpx2.AsyncClient, proxy: TCPProxy, path: str
) -> None:
    shown, counted = [], []
    for _ in range(TIMES):
        proxy.reset()
        shown.append(shown_in(await client.get(path)))
        counted.append((QUERIES[path], proxy.round_trips))

    assert shown == counted


async def test_it_has_the_time_of_the_statements_and_of_the_wait(
    client: httpx2.AsyncClient, database: Database
) -> None:
    tally_of_both = []

    async def use(held: asyncio.Event, done: asyncio.Event) -> None:
        with tallying() as tally:
            async with database.session() as session:
                await session.execute(text("SELECT pg_sleep(0.01)"))
                held.set()
                await done.wait()
            tally_of_both.append(tally)

    held, done = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(use(held, done))
    await held.wait()
    second = asyncio.create_task(use(asyncio.Event(), done))
    await until(lambda: database.stats().waiting == 1)
    done.set()
    await asyncio.gather(first, second)

    waits = [each.wait_seconds for each in tally_of_both]
    assert waits[0] < waits[1]
    assert min(each.seconds for each in tally_of_both) >= 0.01
    assert shown_in(await client.get("/reader"))[0] == 1


async def test_a_request_that_asks_nothing_has_done_nothing(client: httpx2.AsyncClient) -> None:
    header = (await client.get("/nothing")).headers["server-timing"]

    assert header.startswith('db;dur=0.0;desc="0 queries", db-wait;dur=0.0;')


async def test_an_error_and_a_response_in_place_of_a_late_one_have_it_too(
    client: httpx2.AsyncClient,
) -> None:
    found = [await client.get(path) for path in ("/late", "/failing", "/missing")]

    assert [each.status_code for each in found] == [504, 409, 404]
    assert all("server-timing" in each.headers for each in found)


@pytest.mark.parametrize("path", ["/each/4", "/lists", "/compiled/each", "/run_sync"])
async def test_a_statement_run_too_often_is_warned_of_once_with_its_line(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level(logging.WARNING, logger="wellhead.fastapi"):
        await client.get(path)

    [record] = repeated_in(caplog)
    count = 5 if path == "/run_sync" else LIMIT + 1
    route = "GET /each/{times}" if path.startswith("/each") else f"GET {path}"
    assert (record["route"], record["count"], record["threshold"]) == (route, count, LIMIT)
    assert record["statement_kind"] == "SELECT"
    assert re.search(r"\(test_server_timing\.py:\d+\)$", str(record["place"]))
    [said] = [each.getMessage() for each in caplog.records]
    assert str(record["place"]) in said
    assert "DATABASE_REPEATED_QUERY_THRESHOLD" in said
    assert "line.text" not in said


@pytest.mark.parametrize("path", ["/each/3", "/batches", "/session"])
async def test_no_statement_is_warned_of_before_that(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level(logging.WARNING, logger="wellhead.fastapi"):
        await client.get(path)

    assert repeated_in(caplog) == []


def repeated_in(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(each) for each in caplog.records if getattr(each, "event", "") == "repeated_query"]


async def test_two_requests_at_a_time_have_their_own(client: httpx2.AsyncClient) -> None:
    found = await asyncio.gather(*(client.get(f"/each/{each}") for each in (1, 3)))

    assert [shown_in(each)[0] for each in found] == [1, 3]


async def test_several_databases_of_a_request_are_one_sum(database: Database) -> None:
    async with Database(database.settings) as other:
        app = FastAPI()
        install(app, database, other=other)

        @app.get("/both")
        async def read_both() -> None:
            await FIND.one(database, id=1)
            await FIND.one(other, id=1)

        async with client_of(app) as client_of_both:
            await client_of_both.get("/both")
            await client_of_both.get("/both")
            response = await client_of_both.get("/both")

    assert shown_in(response)[0] == 2


async def test_without_the_settings_nothing_is_on_the_way(either_url: str) -> None:
    database = Database(DatabaseSettings(url=either_url))
    app = application(database)
    async with database, client_of(app) as client:
        response = await client.get("/nothing")
        core = type(database.pool.core).__name__

    assert "server-timing" not in response.headers
    assert database.hooks.observers == ()
    assert core == "Core"
    layers: list[object] = [layer.cls for layer in app.user_middleware]
    assert RequestTallies not in layers
