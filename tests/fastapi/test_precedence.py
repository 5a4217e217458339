"""What an application has of its own wins, before `install` and after it."""

import logging
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException as StarletteHTTPException

from wellhead import Database, DatabaseSettings, PoolSaturated, PoolTimeout, WellheadError
from wellhead.fastapi import PROBLEM_JSON, install, problem_responses

OWN = "their own"
PROBES = ("/health/live", "/health/startup", "/health/ready", "/health/db", "/db/pool-status")

Change = Callable[[FastAPI], None]


async def own(request: Request, error: Exception) -> Response:
    del request, error
    return PlainTextResponse(OWN, status_code=418)


async def answer() -> str:
    return OWN


def handling(kind: int | type[Exception]) -> Change:
    return lambda app: app.add_exception_handler(kind, own)


@pytest.fixture(params=["before", "after"])
def made(request: pytest.FixtureRequest) -> Callable[[Change], FastAPI]:
    """Makes an application, and changes it before or after `install`."""

    def make(change: Change) -> FastAPI:
        app = FastAPI()
        if request.param == "before":
            change(app)
        install(app, database(), metrics=True)
        if request.param == "after":
            change(app)
        return app

    return make


def database() -> Database:
    return Database(DatabaseSettings(url="postgresql://user@localhost/database"))


async def ask(app: FastAPI, path: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


async def is_own(app: FastAPI, *paths: str) -> list[bool]:
    return [OWN in (await ask(app, path)).text for path in paths]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (HTTPException, HTTPException(409)),
        (StarletteHTTPException, HTTPException(409)),
        (StarletteHTTPException, StarletteHTTPException(409)),
        (409, HTTPException(409)),
        (Exception, RuntimeError()),
        (500, RuntimeError()),
        (SQLAlchemyError, SQLAlchemyError()),
        (WellheadError, PoolSaturated("full")),
        (PoolTimeout, PoolSaturated("full")),
        (PoolSaturated, PoolSaturated("full")),
        (RequestValidationError, RequestValidationError([])),
        (ExceptionGroup, ExceptionGroup("", [ValueError()])),
    ],
)
async def test_a_handler_of_the_application_is_never_replaced(
    made: Callable[[Change], FastAPI], kind: int | type[Exception], error: Exception
) -> None:
    app = made(handling(kind))

    @app.get("/fails")
    async def fail() -> None:
        raise error

    assert await is_own(app, "/fails") == [True]


async def test_a_handler_for_every_exception_leaves_wellheads_errors_to_wellhead(
    made: Callable[[Change], FastAPI],
) -> None:
    app = made(handling(Exception))

    @app.get("/fails")
    async def fail() -> None:
        raise PoolSaturated("full")

    assert (await ask(app, "/fails")).status_code == 503


def with_a_route(app: FastAPI) -> None:
    app.get("/health")(answer)
    app.get("/metrics")(answer)


def with_a_router(app: FastAPI) -> None:
    router = APIRouter()
    router.get("")(answer)
    router.get("/ready")(answer)
    app.include_router(router, prefix="/health")


def with_a_pattern(app: FastAPI) -> None:
    app.get("/health/{kind}")(answer)


def with_a_mount(app: FastAPI) -> None:
    app.mount("/health", PlainTextResponse(OWN))


@pytest.mark.parametrize(
    ("change", "theirs"),
    [
        (with_a_route, {"/health", "/metrics"}),
        (with_a_router, {"/health", "/health/ready"}),
        (with_a_pattern, {"/health/live", "/health/startup", "/health/ready", "/health/db"}),
        (with_a_mount, {"/health/live", "/health/startup", "/health/ready", "/health/db"}),
    ],
)
async def test_a_route_of_the_application_answers_and_is_the_one_in_the_document(
    made: Callable[[Change], FastAPI],
    change: Change,
    theirs: set[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = made(change)
    paths = app.openapi()["paths"]

    for path in ("/health", *PROBES, "/metrics"):
        assert await is_own(app, path) == [path in theirs]
        described = paths.get(path, {"get": {}})["get"].get("summary")
        assert described != "Is the process alive?" or path not in theirs
    assert caplog.records == []


async def test_a_route_for_another_method_is_no_rival(made: Callable[[Change], FastAPI]) -> None:
    def add(app: FastAPI) -> None:
        app.post("/health")(answer)

    assert (await ask(made(add), "/health")).json()["status"] == "alive"


def takes_all(app: FastAPI) -> None:
    app.get("/{path:path}")(answer)


async def test_a_route_for_every_path_leaves_the_probes_alone_where_it_comes_after_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = FastAPI()
    install(app, database())
    takes_all(app)

    assert await is_own(app, "/health", "/health/live", "/else") == [False, False, True]
    assert caplog.records == []


async def test_where_it_comes_before_them_a_warning_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = FastAPI()
    takes_all(app)
    install(app, database())
    paths = list(app.openapi()["paths"])
    answers = await is_own(app, "/health", "/health/live")

    assert (paths, answers) == (["/{path}"], [True, True])
    [record] = [each for each in caplog.records if each.name == "wellhead.fastapi"]
    assert record.levelno == logging.WARNING
    assert "the application's route /{path:path}" in record.getMessage()
    assert "/health/ready" in record.getMessage()


def responses(app: FastAPI, path: str) -> Any:
    return app.openapi()["paths"][path]["get"]["responses"]["422"]["content"]


async def test_the_document_says_how_a_request_that_is_not_valid_is_refused(
    made: Callable[[Change], FastAPI],
) -> None:
    async def take(n: int) -> int:
        return n

    def add_routes(app: FastAPI) -> None:
        app.get("/usual")(take)
        app.get("/own", responses={422: {"content": {"text/plain": {}}}})(take)
        app.get("/problem", responses=problem_responses(422))(take)

    app, other = made(add_routes), made(handling(RequestValidationError))
    add_routes(other)

    problem = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert responses(app, "/usual") == responses(app, "/problem") == problem
    assert list(responses(app, "/own")) == ["text/plain"]
    assert "HTTPValidationError" not in app.openapi()["components"]["schemas"]
    assert list(responses(other, "/usual")) == ["application/json"]
    assert "HTTPValidationError" in other.openapi()["components"]["schemas"]
