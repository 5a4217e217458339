"""What fails in the tasks of a request means what it means alone."""

import asyncio
import logging

import anyio
import httpx2
import pytest
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse
from sqlalchemy import text
from starlette.middleware.base import RequestResponseEndpoint

from wellhead import (
    CommitUnknownError,
    Database,
    DatabaseSettings,
    PoolSaturated,
    ReadOnlyError,
    UnreachableError,
)
from wellhead.fastapi import PROBLEM_JSON, install, lifespan

AWAY = UnreachableError("nobody there")
MISTAKE = ReadOnlyError("a write")
UNKNOWN = CommitUnknownError.after_silence()
MISSING = HTTPException(404, detail="No such thing.")
BUG = RuntimeError("nobody thought of this")
CANCELLED = asyncio.CancelledError()


class OwnError(Exception):
    """One that the application has a handler for, a plain function."""


@pytest.fixture
def database(either_url: str) -> Database:
    return Database(DatabaseSettings(url=either_url))


def application(database: Database, error: BaseException | None = None) -> FastAPI:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)

    @app.exception_handler(OwnError)
    def answer(request: Request, error: Exception) -> Response:
        del request, error
        return PlainTextResponse("own", status_code=418)

    @app.get("/raises")
    async def fail() -> None:
        assert error is not None
        raise error

    return app


def client_of(app: FastAPI) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://test")


async def ask(app: FastAPI, path: str = "/raises") -> httpx2.Response:
    async with client_of(app) as client:
        return await client.get(path)


async def break_a_rule(database: Database) -> None:
    async with database.session() as session:
        await (await session.connection()).execute(text("SELECT 'x'::int"))


async def test_a_failure_in_a_task_of_asyncio_or_of_anyio_keeps_its_status(
    database: Database,
) -> None:
    app = application(database)

    @app.get("/asyncio")
    async def in_tasks() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(break_a_rule(database))
            tasks.create_task(asyncio.Event().wait())

    @app.get("/anyio")
    async def in_tasks_of_anyio() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(break_a_rule, database)

    @app.middleware("http")
    async def pass_on(request: Request, go_on: RequestResponseEndpoint) -> Response:
        return await go_on(request)

    async with database:
        found = [await ask(app, path) for path in ("/asyncio", "/anyio")]

    assert [each.status_code for each in found] == [422, 422]
    assert {each.json()["type"] for each in found} == {"urn:wellhead:invalid_data"}
    assert {each.headers["content-type"] for each in found} == {PROBLEM_JSON}


@pytest.mark.parametrize(
    ("errors", "status", "kind"),
    [
        ([AWAY], 503, "urn:wellhead:unreachable"),
        ([ExceptionGroup("", [AWAY]), MISTAKE], 500, "urn:wellhead:programming"),
        ([MISTAKE, AWAY, UNKNOWN], 503, "urn:wellhead:outcome_unknown"),
        ([MISSING, AWAY, BUG], 503, "urn:wellhead:unreachable"),
        ([CANCELLED, AWAY], 503, "urn:wellhead:unreachable"),
        ([MISSING, MISSING], 404, "about:blank"),
        ([MISSING, BUG], 500, "about:blank"),
        ([BUG], 500, "about:blank"),
    ],
)
@pytest.mark.parametrize("either_url", ["postgresql"], indirect=True)
async def test_the_failure_that_forbids_most_is_the_answer(
    database: Database, errors: list[Exception], status: int, kind: str
) -> None:
    response = await ask(application(database, BaseExceptionGroup("tasks", errors)))

    assert (response.status_code, response.json()["type"]) == (status, kind)


@pytest.mark.parametrize("either_url", ["postgresql"], indirect=True)
async def test_the_applications_own_handler_answers_what_it_would_answer_alone(
    database: Database,
) -> None:
    own = await ask(application(database, ExceptionGroup("tasks", [OwnError()])))
    full = await ask(application(database, ExceptionGroup("tasks", [PoolSaturated("full")])))

    assert (own.status_code, own.text) == (418, "own")
    assert (full.status_code, full.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("either_url", ["postgresql"], indirect=True)
async def test_each_failure_of_a_group_is_in_the_log(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await ask(application(database, ExceptionGroup("tasks", [MISTAKE, AWAY, BUG])))

    levels = [record.levelno for record in caplog.records if record.name == "wellhead.fastapi"]
    assert sorted(levels) == [logging.WARNING, logging.ERROR, logging.ERROR]
    assert "nobody there" in caplog.text
    assert "nobody thought of this" in caplog.text


@pytest.mark.parametrize("either_url", ["postgresql"], indirect=True)
async def test_what_is_raised_from_a_group_means_what_it_means_itself(database: Database) -> None:
    error = BUG.with_traceback(None)
    error.__cause__ = ExceptionGroup("tasks", [AWAY])

    assert (await ask(application(database, error))).status_code == 500
