"""What every request passes: one layer, with no more in it than the request needs."""

import sys
from collections import Counter
from pathlib import Path
from types import FrameType

import pytest
from fastapi import FastAPI, Response
from httpx2 import AsyncClient
from starlette.types import Receive, Scope, Send

import todo.web
from tests.staging.in_process import ask
from todo.settings import Settings
from todo.web.middleware import WebMiddleware

WEB = str(Path(todo.web.__file__).parent)


async def test_headers_that_a_route_sets_itself_stay(app: FastAPI, client: AsyncClient) -> None:
    @app.get("/api/own")
    async def own(response: Response) -> None:
        response.headers["Cache-Control"] = "max-age=60"
        response.headers["Vary"] = "Accept"

    headers = (await client.get("/api/own")).headers

    assert headers.get_list("cache-control") == ["max-age=60"]
    assert headers["vary"] == "Accept, Origin"
    assert headers["x-content-type-options"] == "nosniff"


async def test_a_response_that_is_sent_again_has_the_headers_once(client: AsyncClient) -> None:
    await client.get("/docs")
    again = await client.get("/docs", headers={"X-Request-ID": "second"})

    assert again.headers.get_list("x-request-id") == ["second"]
    assert len(again.headers.get_list("content-security-policy")) == 1


async def test_the_response_to_a_preflight_request_has_the_headers_too(client: AsyncClient) -> None:
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "GET"}
    headers = (await client.options("/health", headers=asked)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-request-id"]


async def test_caches_learn_that_the_origin_decides_where_none_was_given(
    client: AsyncClient,
) -> None:
    assert (await client.get("/health")).headers["vary"] == "Origin"


async def test_a_connection_that_is_no_request_is_handed_on(settings: Settings) -> None:
    seen: list[tuple[Scope, Receive, Send]] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    async def receive() -> dict[str, str]:
        return {}

    async def send(message: object) -> None:
        del message

    scope = {"type": "lifespan"}
    await WebMiddleware(application, settings)(scope, receive, send)

    assert seen == [(scope, receive, send)]


async def calls_of(app: FastAPI) -> Counter[str]:
    """The Python functions that a `GET /health` calls, by name below `todo.web`, else as one."""
    calls = Counter[str]()

    def count(frame: FrameType, event: str, argument: object) -> None:
        del argument
        if event == "call":
            is_ours = frame.f_code.co_filename.startswith(WEB)
            calls[frame.f_code.co_name if is_ours else ""] += 1
        elif event == "c_call":
            calls[""] += 1

    # What is made once is made by then.
    await ask(app, "/health")
    sys.setprofile(count)
    try:
        await ask(app, "/health")
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.usefixtures("client")
async def test_a_response_passes_one_wrapper(app: FastAPI) -> None:
    calls = await calls_of(app)

    del calls[""]
    # The start of a response and its body.
    assert calls.pop("send") == 2
    # The object that it passes, and what it records in the end.
    assert calls.pop("__init__") == calls.pop("begin") == calls.pop("route_of") == 1
    assert calls.pop("end") == 2
    assert calls == {"__call__": 1, "security_headers": 1, "identify": 1, "bound": 1, "complete": 1}


@pytest.mark.usefixtures("client")
async def test_health_calls_at_most_1_4_times_what_a_bare_route_does(app: FastAPI) -> None:
    bare = FastAPI()

    @bare.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "alive", "app": "Todo API", "version": "0.1.0"}

    ours, theirs = await calls_of(app), await calls_of(bare)

    assert ours.total() <= 1.4 * theirs.total(), (ours.total(), theirs.total())
