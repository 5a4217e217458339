"""The last moments of a process: not ready first, and every client sent elsewhere."""

import asyncio
import os
import signal
from collections.abc import Iterator
from types import FrameType

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from tests.staging.patience import until
from tests.staging.server import serve
from wellhead import Database, DatabaseSettings
from wellhead.fastapi import install, lifespan


@pytest.fixture
def database(database_url: str) -> Database:
    return Database(DatabaseSettings(url=database_url))


def application(database: Database, drain_seconds: float | None) -> FastAPI:
    app = FastAPI(lifespan=lifespan(database, drain_seconds=drain_seconds))
    install(app, database)
    return app


class Heard:
    """Counts the signals that reach the previous handler."""

    def __init__(self) -> None:
        self.signals: list[int] = []

    def __call__(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.signals.append(number)


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()
    before = {each: signal.signal(each, heard) for each in (signal.SIGINT, signal.SIGTERM)}
    yield heard
    for number, handler in before.items():
        signal.signal(number, handler)


async def test_every_answer_of_a_draining_process_ends_its_connection(database: Database) -> None:
    async with (
        serve(application(database, None)) as base,
        httpx2.AsyncClient(base_url=base, verify=False) as client,
    ):
        before = await client.get("/health")
        database.drain()
        answers = [await client.get(path) for path in ("/health", "/health/ready", "/nothing")]

    assert "connection" not in before.headers
    assert {answer.headers["connection"] for answer in answers} == {"close"}


async def test_a_response_of_other_middleware_ends_its_connection_too(database: Database) -> None:
    app = FastAPI(lifespan=lifespan(database))
    app.add_middleware(CORSMiddleware, allow_origins=["https://todo.example"])
    install(app, database)
    asks_first = {"Origin": "https://todo.example", "Access-Control-Request-Method": "GET"}
    async with (
        serve(app) as base,
        httpx2.AsyncClient(base_url=base, verify=False) as client,
    ):
        database.drain()
        response = await client.options("/health", headers=asks_first)

    assert response.headers["access-control-allow-origin"] == "https://todo.example"
    assert response.headers["connection"] == "close"


async def test_an_answer_over_http_2_has_no_such_header(database: Database) -> None:
    sent = []

    async def send(message: object) -> None:
        sent.append(message)

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http", "http_version": "2", "method": "GET", "path": "/health", "headers": [],
        "query_string": b"", "scheme": "http", "server": ("test", 80), "root_path": "",
    }  # fmt: skip
    database.drain()
    await application(database, None)(scope, receive, send)

    assert b"connection" not in dict(sent[0]["headers"])  # type: ignore[index] # of ASGI


async def test_sigterm_reaches_the_server_after_readiness_has_ended(
    database: Database, heard: Heard
) -> None:
    app = application(database, 0.2)
    async with app.router.lifespan_context(app):
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: database.is_draining)
        at_first = list(heard.signals)
        reason = (await database.ready()).reason
        await until(lambda: heard.signals)

    assert (at_first, reason, heard.signals) == ([], "draining", [signal.SIGTERM])


@pytest.mark.parametrize(
    ("seconds", "signals"),
    [
        (0.0, [signal.SIGTERM]),
        (3600.0, [signal.SIGINT]),
        (3600.0, [signal.SIGTERM, signal.SIGTERM]),
    ],
    ids=["no time to drain", "Ctrl-C", "asked twice"],
)
async def test_some_signals_reach_the_server_at_once(
    database: Database, heard: Heard, seconds: float, signals: list[signal.Signals]
) -> None:
    app = application(database, seconds)
    async with app.router.lifespan_context(app):
        for number in signals:
            os.kill(os.getpid(), number)
            await asyncio.sleep(0)
        reached = list(heard.signals)
        await until(lambda: database.is_draining)

    assert reached == signals[-1:]


async def test_afterwards_signals_are_what_they_were(database: Database, heard: Heard) -> None:
    app = application(database, 3600)
    async with app.router.lifespan_context(app):
        during = signal.getsignal(signal.SIGTERM)

    assert during is not heard
    assert signal.getsignal(signal.SIGTERM) is heard


async def test_unless_it_is_asked_for_signals_are_left_alone(
    database: Database, heard: Heard
) -> None:
    app = application(database, None)
    async with app.router.lifespan_context(app):
        assert signal.getsignal(signal.SIGTERM) is heard


def test_in_a_thread_that_gets_no_signals_nothing_happens(database: Database, heard: Heard) -> None:
    async def run() -> object:
        app = application(database, 3600)
        async with app.router.lifespan_context(app):
            return signal.getsignal(signal.SIGTERM)

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        during = loop.run_until_complete(asyncio.to_thread(asyncio.run, run()))

    assert during is heard


async def test_a_process_that_is_opened_again_drains_no_more(database: Database) -> None:
    database.drain()
    async with database:
        assert not database.is_draining
