"""Requests that take too long and clients that hang up, over a real socket and a real server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import Float, bindparam, column, func, insert, select, table, text
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.types import Message

from tests.staging.patience import until
from tests.staging.server import serve
from tests.staging.slow_commit import SLOW_COMMIT
from wellhead import CommitUnknownError, Database, DatabaseSettings, compiled
from wellhead.fastapi import ReaderDep, RunDep, SessionDep, deadline, install, lifespan
from wellhead.sessions.deadline import Deadline, current_deadline
from wellhead.testing.proxy import TCPProxy
from wellhead.url import PostgresURL

Observer = Callable[[str], Awaitable[int]]

SHORT = deadline(0.05)

BUSY = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
"""
COMMITTING = f"{BUSY} AND query LIKE 'COMMIT%'"
SLEEPING = f"{BUSY} AND wait_event = 'PgSleep'"
NOTES = "SELECT count(*) FROM note"


COMPILED_SLEEP = compiled(select(func.pg_sleep(bindparam("seconds"))))
COMPILED_NOTE = compiled(
    insert(table("note", column("seconds", Float))).values(seconds=bindparam("seconds"))
)


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
async def database(request: pytest.FixtureRequest, proxied_url: str, database_url: str) -> Database:
    connection = await asyncpg.connect(database_url)
    await connection.execute(SLOW_COMMIT)
    await connection.close()
    url = proxied_url.replace("postgresql", request.param, 1)
    return Database(DatabaseSettings(url=url, pool_size=2, max_overflow=0))


@pytest.fixture
async def ask(database_url: str) -> AsyncIterator[Observer]:
    """Asks the server past the pool."""
    connection = await asyncpg.connect(database_url)

    async def ask(query: str) -> int:
        return int(await connection.fetchval(query))

    yield ask
    await connection.close()


class Limits(list[Deadline]):
    """The deadlines of requests, each of which comes when a test says so."""

    async def put_off(self) -> None:
        limit = current_deadline.get()
        assert limit is not None
        limit.move(None)
        self.append(limit)

    def come(self) -> None:
        """Let the last one come."""
        self[-1].move(asyncio.get_running_loop().time() - self[-1].began)


async def run(session: AsyncSession, statement: str, **values: float) -> None:
    await (await session.connection()).execute(text(statement), values)


async def insert_and_sleep(session: AsyncSession) -> None:
    await run(session, "INSERT INTO note VALUES (0)")
    await run(session, "SELECT pg_sleep(60)")


def application(database: Database) -> FastAPI:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    limits = app.state.limits = Limits()

    @app.get("/reads", dependencies=[SHORT])
    async def read(reader: ReaderDep) -> None:
        await reader.exec(text("SELECT pg_sleep(60)"))

    @app.post("/writes", dependencies=[SHORT])
    async def write(session: SessionDep) -> None:
        await insert_and_sleep(session)

    @app.post("/commits/{seconds}", dependencies=[Depends(limits.put_off)], status_code=201)
    async def commit_slowly(seconds: float, session: SessionDep) -> None:
        await run(session, "INSERT INTO note VALUES (:seconds)", seconds=seconds)

    @app.get("/compiled", dependencies=[SHORT])
    async def read_compiled() -> None:
        await COMPILED_SLEEP.all(database, seconds=60.0)

    @app.post("/compiled/{seconds}", dependencies=[Depends(limits.put_off)], status_code=201)
    async def write_compiled(seconds: float) -> int:
        return await COMPILED_NOTE.execute(database, seconds=seconds)

    @app.post("/unhurried")
    async def write_unhurried(session: SessionDep) -> None:
        await insert_and_sleep(session)

    @app.post("/one")
    async def one(session: SessionDep) -> None:
        await run(session, "SELECT 1")

    return app


def application_of_two_units(database: Database) -> FastAPI:
    """Whose second unit of work is cut at the deadline."""
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    limits = app.state.limits = Limits()

    async def write(session: AsyncSession) -> None:
        await run(session, "INSERT INTO note VALUES (0)")

    @app.post("/twice", dependencies=[Depends(limits.put_off)])
    async def write_twice(once: RunDep) -> None:
        try:
            await once(write)
        except CommitUnknownError:
            await once(insert_and_sleep)

    @app.post("/repeats-it", dependencies=[Depends(limits.put_off)])
    async def repeat_it(once: RunDep) -> None:
        await once(write, is_repeatable=True)
        await once(insert_and_sleep)

    return app


def commit_of(database: Database) -> bytes:
    """The bytes of a COMMIT; a BEGIN may name READ COMMITTED."""
    url = database.settings.url
    return b"COMMIT\0" if isinstance(url, PostgresURL) and url.driver == "psycopg" else b"COMMIT;"


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with serve(app) as base, httpx2.AsyncClient(base_url=base, verify=False) as client:
        yield client


async def post(
    app: FastAPI, client: httpx2.AsyncClient, path: str, ask: Observer
) -> httpx2.Response:
    """The response to a request whose deadline comes while the server sleeps for it."""
    request = asyncio.create_task(client.post(path))
    await until(lambda: request.done() or is_one(ask(SLEEPING)))
    app.state.limits.come()
    return await request


@asynccontextmanager
async def client_that_hangs_up(client: httpx2.AsyncClient, request: str) -> AsyncIterator[None]:
    """Send a request, and close the connection at the end of the block."""
    where = urlsplit(str(client.base_url))
    _, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(request.replace("\n", "\r\n").encode())
    try:
        yield
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/reads"), ("GET", "/compiled"), ("POST", "/writes")]
)
async def test_a_request_over_its_deadline_is_answered_504_and_its_query_cancelled(
    method: str, path: str, database: Database, ask: Observer
) -> None:
    async with client_of(application(database)) as client:
        answer = await client.request(method, path)

        assert await ask(SLEEPING) == 0
    assert answer.status_code == 504
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:wellhead:request_timeout"
    assert await ask(NOTES) == 0


async def test_those_who_waited_for_a_connection_until_the_deadline_cost_none(
    database: Database,
) -> None:
    async with client_of(application(database)) as client:
        answers = await asyncio.gather(*(client.get("/reads") for _ in range(20)))
        await until(lambda: database.stats().active == 0)
        stats = database.stats()

    assert {answer.status_code for answer in answers} == {504}
    assert (stats.active, stats.waiting) == (0, 0)
    assert stats.total <= 2


@pytest.mark.slow
async def test_fifty_clients_that_hang_up_end_their_work_and_open_no_connection(
    database: Database, ask: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="wellhead.fastapi")
    async with client_of(application(database)) as client:
        request = "POST /unhurried HTTP/1.1\nHost: test\nContent-Length: 2\n\n{}"
        for _ in range(50):
            async with client_that_hangs_up(client, request):
                await until(lambda: is_one(ask(SLEEPING)))
            await until(lambda: is_none(ask(BUSY)))
        still = await client.post("/one")
        opened = database.stats().opened

    assert still.status_code == 200
    # On a busy machine some confirmations come too late.
    assert opened < 50
    assert await ask(NOTES) == 0
    events = [vars(record).get("event") for record in caplog.records]
    assert events.count("client_gone") == 50


async def is_one(number: Awaitable[int]) -> bool:
    return await number == 1


async def is_none(number: Awaitable[int]) -> bool:
    return await number == 0


async def test_a_client_that_sent_no_body_is_missed_too(database: Database, ask: Observer) -> None:
    async with client_of(application(database)) as client:
        async with client_that_hangs_up(client, "POST /unhurried HTTP/1.1\nHost: test\n\n"):
            await until(lambda: is_one(ask(SLEEPING)))
        await until(lambda: is_none(ask(BUSY)))

    assert await ask(NOTES) == 0


@pytest.mark.parametrize("path", ["/commits", "/compiled"])
async def test_a_commit_under_way_at_the_deadline_is_finished_and_answered(
    path: str, database: Database, ask: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wellhead.sessions.deadline.COMMIT_GRACE", 60.0)
    app = application(database)
    async with client_of(app) as client:
        warm = await client.post(f"{path}/0")
        answer = await post(app, client, f"{path}/0.5", ask)

    assert (warm.status_code, answer.status_code) == (201, 201)
    assert await ask(NOTES) == 2


@pytest.mark.parametrize("path", ["/commits", "/compiled"])
async def test_a_commit_that_takes_longer_than_its_grace_is_cancelled_and_answered_as_it_is(
    path: str, database: Database, ask: Observer
) -> None:
    app = application(database)
    async with client_of(app) as client:
        answer = await post(app, client, f"{path}/60", ask)
        again = await client.post("/one")

        assert await ask(SLEEPING) == 0
    # psycopg waits for what the server says of the COMMIT; asyncpg does not.
    said = (503, "urn:wellhead:outcome_unknown"), (504, "urn:wellhead:request_timeout")
    assert (answer.status_code, answer.json()["type"]) == said[b"\0" in commit_of(database)]
    assert "retry-after" not in answer.headers
    assert again.status_code == 200
    assert await ask(NOTES) == 0


async def test_an_earlier_commit_without_an_answer_makes_the_outcome_unknown(
    database: Database, proxy: TCPProxy, ask: Observer
) -> None:
    app = application_of_two_units(database)
    async with client_of(app) as client:
        broken = proxy.break_at(commit_of(database), passes=True)
        answer = await post(app, client, "/twice", ask)

    assert broken.is_set()
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:wellhead:outcome_unknown")
    assert await ask(NOTES) == 1


async def test_an_earlier_commit_is_said_although_a_lost_one_was_repeated(
    database: Database, proxy: TCPProxy, ask: Observer
) -> None:
    app = application_of_two_units(database)
    async with client_of(app) as client:
        broken = proxy.break_at(commit_of(database), passes=True)
        answer = await post(app, client, "/repeats-it", ask)

    assert broken.is_set()
    assert (answer.status_code, answer.json()["type"]) == (504, "urn:wellhead:committed")
    assert answer.json()["commits"] == 1
    assert await ask(NOTES) == 2


async def test_a_commit_under_way_when_the_client_hangs_up_is_finished(
    database: Database, ask: Observer
) -> None:
    async with client_of(application(database)) as client:
        async with client_that_hangs_up(client, "POST /commits/0.3 HTTP/1.1\nHost: test\n\n"):
            await until(lambda: is_one(ask(COMMITTING)))
        await until(lambda: is_none(ask(BUSY)))

    assert await ask(NOTES) == 1


async def test_a_server_that_does_not_answer_the_cancelling_is_not_waited_for(
    database: Database, proxy: TCPProxy
) -> None:
    app = application(database)
    async with client_of(app) as client:
        await client.post("/one")
        waiting = asyncio.create_task(client.post("/commits/60"))
        await until(lambda: app.state.limits and database.stats().active == 1)
        proxy.stall()
        app.state.limits.come()
        # In less than the five seconds for which this client waits, and psycopg for the server.
        answer = await waiting
        proxy.resume()
        again = await client.post("/one")

    # As the silence met the work or already its COMMIT.
    assert answer.status_code in {503, 504}
    assert again.status_code == 200
    assert database.stats().active == 0


async def test_a_compiled_query_counts_for_the_route_that_runs_it(database: Database) -> None:
    async with client_of(application(database)) as client:
        await client.post("/compiled/0")

        assert "POST /compiled/{seconds}" in database.stats().routes


async def test_a_request_that_is_answered_soon_has_one_timer(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    app, timers = FastAPI(), []
    install(app, Database(DatabaseSettings(url=database_url)))

    @app.get("/")
    async def read() -> None:
        pass

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        del message

    call_at = asyncio.get_running_loop().call_at

    def note(when: float, *arguments: Any, **keywords: Any) -> asyncio.TimerHandle:
        timers.append(when)
        return call_at(when, *arguments, **keywords)

    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/", "headers": []}
    monkeypatch.setattr(asyncio.get_running_loop(), "call_at", note)
    await app({**scope, "root_path": "", "query_string": b""}, receive, send)

    assert len(timers) == 1
