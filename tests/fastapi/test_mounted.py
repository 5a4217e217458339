"""Applications that are mounted in one that has a database."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from wellhead import Database, DatabaseSettings, NotOpenError
from wellhead.errors.groups import leaves_of
from wellhead.fastapi import (
    PROBLEM_JSON,
    ReaderDep,
    RunDep,
    SessionDep,
    deadline,
    install,
    lifespan,
)

HASTY = deadline(0.05)

ORIGIN = {"Origin": "https://example.org"}


@pytest.fixture
def database(either_url: str) -> Database:
    return Database(settings(either_url, request_timeout=60))


def settings(url: str, *, request_timeout: float | None) -> DatabaseSettings:
    return DatabaseSettings(
        url=url, connect_timeout=3, pool_timeout=3.1, request_timeout=request_timeout
    )


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


async def break_a_rule(session: SessionDep) -> None:
    await (await session.connection()).execute(text("SELECT 'x'::int"))


def slow_application() -> FastAPI:
    """Which never answers, and is cut at once by the deadline of its route."""
    sub, hasty, patient = FastAPI(), APIRouter(dependencies=[HASTY]), APIRouter()
    hasty.get("/slow")(wait_for_ever)
    patient.get("/wrong")(break_a_rule)
    sub.include_router(hasty, prefix="/routed")
    sub.include_router(patient, prefix="/routed")
    sub.get("/slow", dependencies=[HASTY])(wait_for_ever)
    sub.get("/wrong", dependencies=[deadline(None)])(break_a_rule)
    return sub


def with_middleware(sub: FastAPI) -> FastAPI:
    @sub.middleware("http")
    async def pass_on(request: Request, go_on: RequestResponseEndpoint) -> Response:
        return await go_on(request)

    sub.add_middleware(CORSMiddleware, allow_origins=["*"])
    return sub


def with_a_handler_for_all(sub: FastAPI) -> FastAPI:
    @sub.exception_handler(Exception)
    async def answer(request: Request, error: Exception) -> Response:
        del request, error
        return PlainTextResponse("boom", status_code=500)

    return sub


def within(sub: Any) -> Starlette:
    return Starlette(routes=[Mount("/", app=Starlette(routes=[Mount("/", app=sub)]))])


def behind_middleware(sub: Any) -> CORSMiddleware:
    return CORSMiddleware(sub, allow_origins=["*"])


def plain(sub: Any) -> Any:
    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await sub(scope, receive, send)

    return call


SHAPES: dict[str, Callable[[FastAPI], Any]] = {
    "as it is": lambda sub: sub,
    "with middleware": with_middleware,
    "with a handler for all": with_a_handler_for_all,
    "two levels down": within,
    "behind middleware": behind_middleware,
}


def client_of(app: FastAPI) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://test")


async def kinds(app: FastAPI, *paths: str) -> list[tuple[int, str]]:
    async with client_of(app) as client:
        found = [await client.get(path) for path in paths]
    assert {each.headers["content-type"] for each in found} == {PROBLEM_JSON}
    return [(each.status_code, each.json()["type"].rpartition(":")[2]) for each in found]


@pytest.mark.parametrize("shape", SHAPES)
async def test_deadlines_and_failures_of_a_mounted_application_are_answered_as_elsewhere(
    database: Database, shape: str
) -> None:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    app.mount("/sub", SHAPES[shape](slow_application()))

    async with database:
        found = await kinds(app, "/sub/slow", "/sub/routed/slow", "/sub/wrong", "/sub/routed/wrong")

    assert found == [(504, "request_timeout")] * 2 + [(422, "invalid_data")] * 2


async def test_an_application_mounted_in_an_included_router_or_before_install_is_one_too(
    database: Database,
) -> None:
    app = FastAPI(lifespan=lifespan(database))
    app.mount("/before", slow_application())
    install(app, database)
    router = APIRouter()
    router.mount("/routed", slow_application())
    app.include_router(router, prefix="/api")

    async with database:
        found = await kinds(app, "/before/slow", "/before/wrong")
        routed = await kinds(app, "/api/routed/slow", "/api/routed/wrong")

    assert found == [(504, "request_timeout"), (422, "invalid_data")]
    # An older FastAPI leaves out what is mounted in a router.
    assert routed in (found, [(404, "blank")] * 2)


async def test_the_limit_of_the_application_around_holds_in_every_kind_of_application(
    either_url: str,
) -> None:
    database = Database(settings(either_url, request_timeout=3.2))
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)

    async def never(*_: object) -> None:
        await wait_for_ever()

    async def fail(*_: object) -> None:
        async with database.session() as session:
            await break_a_rule(session)

    app.mount("/never", never)
    app.mount("/fail", fail)
    app.mount("/starlette", Starlette(routes=[Route("/wait", never)]))
    app.mount("/closure", plain(slow_application()))

    async with database:
        found = await kinds(app, "/never/", "/starlette/wait", "/closure/slow", "/fail/")

    assert found == [(504, "request_timeout")] * 3 + [(422, "invalid_data")]


async def test_the_middleware_of_a_mounted_application_sees_the_answer(database: Database) -> None:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    app.mount("/sub", with_middleware(slow_application()))

    async with database, client_of(app) as client:
        found = [await client.get(f"/sub/{path}", headers=ORIGIN) for path in ("slow", "wrong")]

    assert [each.headers["access-control-allow-origin"] for each in found] == ["*", "*"]


@pytest.mark.parametrize("either_url", ["postgresql"], indirect=True)
async def test_one_with_an_install_of_its_own_keeps_its_own_limit(either_url: str) -> None:
    app, sub = FastAPI(), FastAPI()
    hasty = Database(settings(either_url, request_timeout=3.2))
    install(app, hasty)
    install(sub, Database(settings(either_url, request_timeout=None)))
    app.mount("/sub", sub)
    sub.get("/hasty", dependencies=[HASTY])(wait_for_ever)

    @sub.get("/patient")
    async def outlive_the_other() -> str:
        await asyncio.sleep(1.4)
        return "done"

    async with client_of(app) as client:
        assert (await client.get("/sub/patient")).json() == "done"
        assert (await client.get("/sub/hasty")).status_code == 504


async def test_a_session_and_a_reader_are_those_of_the_application_around(
    database: Database,
) -> None:
    sub = FastAPI()

    @sub.get("/")
    async def read(session: SessionDep, reader: ReaderDep, run: RunDep) -> list[int]:
        one = await session.scalar(text("SELECT 1"))
        two = (await reader.exec(text("SELECT 2"))).scalar_one()
        return [one, two, await run(lambda other: other.scalar(text("SELECT 3")))]

    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    app.mount("/sub", sub)
    async with database, client_of(app) as client:
        assert (await client.get("/sub/")).json() == [1, 2, 3]


@pytest.mark.parametrize("either_url", ["postgresql"], indirect=True)
async def test_an_application_that_serves_by_itself_says_what_it_lacks(database: Database) -> None:
    sub = slow_application()
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    app.mount("/sub", sub)
    async with database:
        await kinds(app, "/sub/wrong")

    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(sub), base_url="http://x"
    ) as alone:
        with pytest.raises(NotOpenError, match="mount it in one that has"):
            await alone.get("/wrong")


@pytest.mark.parametrize("either_url", ["postgresql"], indirect=True)
async def test_a_mounted_application_may_have_served_before(database: Database) -> None:
    sub = slow_application()
    async with client_of(sub) as alone:
        assert (await alone.get("/nowhere")).status_code == 404
    for _ in range(2):
        app = FastAPI(lifespan=lifespan(database))
        install(app, database)
        app.mount("/sub", sub)
        async with database:
            assert await kinds(app, "/sub/wrong") == [(422, "invalid_data")]


@pytest.mark.parametrize("either_url", ["postgresql"], indirect=True)
async def test_the_handlers_of_a_mounted_application_win_but_not_one_for_every_exception(
    database: Database,
) -> None:
    sub = with_a_handler_for_all(slow_application())

    @sub.exception_handler(DBAPIError)
    async def answer(request: Request, error: Exception) -> Response:
        del request
        return PlainTextResponse(f"{len(leaves_of(error))} failed", status_code=418)

    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    app.mount("/sub", sub)
    async with database, client_of(app) as client:
        response = await client.get("/sub/wrong")
        assert await kinds(app, "/sub/slow") == [(504, "request_timeout")]

    assert (response.status_code, response.text) == (418, "1 failed")
