"""What a deadline means to an application, whatever its routes do; none of it needs a server."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import APIRouter, BackgroundTasks, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.datastructures import MutableHeaders
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.staging.patience import until
from tests.staging.server import serve
from wellhead import Database, DatabaseSettings, RequestTimeoutError, SettingsError
from wellhead.fastapi import deadline, install

SHORT = deadline(0.1)
LONGER = 0.3


class Stamp:
    """A middleware that adds a header to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Stamp"] = "here"
            await send(message)

        await self._app(scope, receive, send_stamped)


@pytest.fixture
def app() -> FastAPI:
    settings = DatabaseSettings(
        url="postgresql://user@localhost/database",
        connect_timeout=1,
        pool_timeout=1.1,
        request_timeout=1.2,
    )
    app = FastAPI()
    app.add_middleware(Stamp)
    install(app, Database(settings))
    return app


async def ask(app: FastAPI, method: str, path: str, **arguments: bytes) -> httpx2.Response:
    async with serve(app) as base, httpx2.AsyncClient(base_url=base, verify=False) as client:
        return await client.request(method, path, **arguments)  # type: ignore[arg-type]


async def test_the_setting_holds_where_a_route_says_nothing(app: FastAPI) -> None:
    @app.get("/")
    async def wait() -> None:
        await asyncio.Event().wait()

    assert (await ask(app, "GET", "/")).status_code == 504


async def test_the_hint_names_the_setting_as_the_application_has_it() -> None:
    settings = DatabaseSettings(url="postgresql://user@localhost/database", env_prefix="SHOP_")
    app = FastAPI()
    install(app, Database(settings))

    @app.exception_handler(RequestTimeoutError)
    async def tell(_: Request, error: RequestTimeoutError) -> PlainTextResponse:
        return PlainTextResponse(str(error))

    @app.get("/", dependencies=[deadline(0.05)])
    async def wait() -> None:
        await asyncio.Event().wait()

    assert "raise SHOP_REQUEST_TIMEOUT" in (await ask(app, "GET", "/")).text


async def test_a_routes_own_deadline_wins_over_its_routers(app: FastAPI) -> None:
    router = APIRouter(dependencies=[deadline(0.05)])

    @router.get("/patient", dependencies=[deadline(None)])
    async def wait_and_answer() -> str:
        await asyncio.sleep(LONGER)
        return "done"

    @router.get("/hasty")
    async def wait() -> None:
        await asyncio.Event().wait()

    app.include_router(router)

    assert (await ask(app, "GET", "/patient")).json() == "done"
    assert (await ask(app, "GET", "/hasty")).status_code == 504


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_deadline_that_cannot_be_kept_is_refused(seconds: float) -> None:
    with pytest.raises(SettingsError, match="must be above 0 s"):
        deadline(seconds)


async def test_the_middleware_around_sees_the_answer(app: FastAPI) -> None:
    @app.get("/", dependencies=[SHORT])
    async def wait() -> None:
        await asyncio.Event().wait()

    answer = await ask(app, "GET", "/")

    assert (answer.status_code, answer.headers["X-Stamp"]) == (504, "here")


async def test_a_handler_of_the_application_answers_in_place_of_wellheads(app: FastAPI) -> None:
    @app.exception_handler(RequestTimeoutError)
    async def answer_kindly(request: Request, error: RequestTimeoutError) -> JSONResponse:
        del request
        return JSONResponse({"said": str(error.args[0])}, status_code=418)

    @app.get("/", dependencies=[SHORT])
    async def wait() -> None:
        await asyncio.Event().wait()

    answer = await ask(app, "GET", "/")

    assert answer.status_code == 418
    assert answer.json()["said"].startswith("The request got no response within 0.1 s; its")


async def test_errors_before_the_deadline_are_answered_as_ever(app: FastAPI) -> None:
    @app.get("/refused", dependencies=[SHORT])
    async def refuse() -> None:
        raise HTTPException(409, "taken")

    @app.get("/number", dependencies=[SHORT])
    async def take(number: int) -> None:
        del number

    refused, invalid = await ask(app, "GET", "/refused"), await ask(app, "GET", "/number?number=x")

    assert (refused.status_code, refused.json()["detail"]) == (409, "taken")
    assert (invalid.status_code, invalid.json()["errors"][0]["field"]) == (422, "query.number")


async def test_what_a_cancelled_route_raises_is_not_the_answer(app: FastAPI) -> None:
    @app.get("/", dependencies=[SHORT])
    async def fail_late() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise HTTPException(409)

    assert (await ask(app, "GET", "/")).status_code == 504


async def test_a_route_in_a_thread_is_answered_in_time_and_left_to_itself(app: FastAPI) -> None:
    ended: list[bool] = []

    @app.get("/", dependencies=[SHORT])
    def block() -> None:
        time.sleep(LONGER)
        ended.append(True)

    async with serve(app) as base, httpx2.AsyncClient(base_url=base, verify=False) as client:
        answer = await client.get("/")
        before = list(ended)
        await until(lambda: ended)

    assert (answer.status_code, before) == (504, [])


async def test_a_stream_that_has_begun_is_not_cut(app: FastAPI) -> None:
    async def pieces() -> AsyncIterator[str]:
        for piece in "abc":
            yield piece
            await asyncio.sleep(LONGER / 2)

    @app.get("/", dependencies=[SHORT])
    async def stream() -> StreamingResponse:
        return StreamingResponse(pieces())

    assert (await ask(app, "GET", "/")).text == "abc"


async def test_a_background_task_outlives_the_deadline_and_the_client(app: FastAPI) -> None:
    done = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(LONGER)
        done.set()

    @app.get("/", dependencies=[SHORT])
    async def answer_and_work(tasks: BackgroundTasks) -> None:
        tasks.add_task(work)

    async with serve(app) as base:
        async with httpx2.AsyncClient(base_url=base, verify=False) as client:
            answer = await client.get("/")
        await done.wait()

    assert answer.status_code == 200


async def test_a_body_in_many_pieces_arrives_whole(app: FastAPI) -> None:
    body = bytes(range(256)) * 4096

    @app.post("/")
    async def echo(request: Request) -> dict[str, bool]:
        await asyncio.sleep(LONGER)
        received = await request.body()
        return {"same": received == body, "gone": await request.is_disconnected()}

    assert (await ask(app, "POST", "/", content=body)).json() == {"same": True, "gone": False}


def test_a_websocket_has_no_deadline(app: FastAPI) -> None:
    @app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await asyncio.sleep(1.3)
        await socket.send_text("still here")

    with TestClient(app).websocket_connect("/") as socket:
        assert socket.receive_text() == "still here"


async def test_whoever_cancels_from_outside_is_obeyed(app: FastAPI) -> None:
    @app.get("/")
    async def wait() -> None:
        await asyncio.Event().wait()

    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        request = asyncio.create_task(client.get("/"))
        await asyncio.sleep(0.01)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
