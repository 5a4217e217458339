"""The access log: one line for each request, with fields, and nothing that a client has made up."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import StreamingResponse
from httpx2 import AsyncClient
from staged import StagedAccount, client_of
from starlette.types import Message

from todo.settings import Settings
from todo.web.logs import configure_logging
from todo.web.request_id import request_id
from todo.web.traffic import NO_RESPONSE, NO_ROUTE, OTHER_METHOD, Traffic

SECRET = "s3cret-of-the-query"


@pytest.fixture(autouse=True)
def _are_heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "todo.web.traffic")


def requests_in(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, int]]:
    """The method, route and status of each request that was logged."""
    return [(each.method, each.route, each.status) for each in records_in(caplog)]  # type: ignore[attr-defined]


def records_in(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [each for each in caplog.records if getattr(each, "event", None) == "request"]


async def test_a_request_is_one_line_with_its_template_and_its_id(
    client: AsyncClient, account: StagedAccount, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {**account.headers, "X-Request-ID": "mine"}
    caplog.clear()
    answer = await client.get(f"/api/{account.id}/tasks?q={SECRET}", headers=headers)

    assert answer.status_code == 200
    [record] = records_in(caplog)
    fields = vars(record)
    assert requests_in(caplog) == [("GET", "/api/{user_id}/tasks", 200)]
    assert fields["ms"] >= 0
    assert "is_cut" not in fields
    assert "client" not in fields
    assert record.getMessage() == f"GET /api/{{user_id}}/tasks 200 in {fields['ms']:.1f} ms"
    for hidden in (SECRET, str(account.id), account.access_token):
        assert hidden not in str(fields)


@pytest.mark.parametrize(
    ("method", "path", "logged"),
    [
        ("GET", "/api/me", ("GET", NO_ROUTE, 404)),
        ("GET", f"/{SECRET}", ("GET", NO_ROUTE, 404)),
        ("DELETE", "/api/auth/login", ("DELETE", NO_ROUTE, 405)),
        ("BREW", "/health", (OTHER_METHOD, NO_ROUTE, 405)),
        (f"{SECRET}", f"/{SECRET}", (OTHER_METHOD, NO_ROUTE, 404)),
        ("GET", "/health/", ("GET", "/health", 200)),
        ("GET", "/api/auth/me", ("GET", "/api/auth/me", 401)),
        ("GET", "/openapi.json", ("GET", "/openapi.json", 200)),
        ("GET", "/docs-assets/fastapi/favicon.png", ("GET", "/docs-assets/{path}", 200)),
        ("GET", f"/docs-assets/{SECRET}", ("GET", "/docs-assets/{path}", 404)),
        ("HEAD", "/", ("HEAD", NO_ROUTE, 405)),
    ],
)
async def test_what_a_client_makes_up_is_in_no_field(
    client: AsyncClient,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    logged: tuple[str, str, int],
) -> None:
    caplog.clear()
    await client.request(method, path)

    assert requests_in(caplog) == [logged]
    assert SECRET not in str([vars(each) for each in records_in(caplog)])


async def test_what_is_answered_before_the_routes_has_a_line_too(
    client: AsyncClient, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "GET"}
    caplog.clear()
    await client.options("/health", headers=asked)
    await client.post("/api/auth/register", content=b" " * (settings.body_limit + 1))

    assert requests_in(caplog) == [("OPTIONS", NO_ROUTE, 200), ("POST", NO_ROUTE, 413)]


async def test_an_unexpected_error_has_one_line(
    app: FastAPI, client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError

    caplog.clear()
    await client.get("/broken")

    assert requests_in(caplog) == [("GET", "/broken", 500)]


async def test_the_line_does_not_wait_for_work_in_the_background(
    app: FastAPI, client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []

    @app.get("/later")
    async def later(tasks: BackgroundTasks) -> None:
        tasks.add_task(lambda: seen.extend(requests_in(caplog)))

    caplog.clear()
    await client.get("/later")

    assert seen == requests_in(caplog) == [("GET", "/later", 200)]


async def converse(app: FastAPI, path: str, gone: asyncio.Event, sent: list[Message]) -> None:
    """Make one request whose client is gone once `gone` is set."""
    requests: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if requests:
            return requests.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if message.get("more_body"):
            gone.set()

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
        "method": "GET", "path": path, "query_string": b"", "root_path": "", "headers": [],
    }  # fmt: skip
    await app(scope, receive, send)


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("is_heard_out", [True, False])
async def test_a_stream_is_a_line_at_its_end_or_where_it_is_cut(
    app: FastAPI, caplog: pytest.LogCaptureFixture, is_heard_out: bool
) -> None:
    async def items() -> AsyncIterator[bytes]:
        yield b"first"
        if is_heard_out:
            return
        await asyncio.Event().wait()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(items())

    caplog.clear()
    gone: asyncio.Event = NeverSet() if is_heard_out else asyncio.Event()
    await converse(app, "/stream", gone, [])

    [record] = records_in(caplog)
    assert requests_in(caplog) == [("GET", "/stream", 200)]
    assert getattr(record, "is_cut", False) is not is_heard_out
    assert record.getMessage().endswith("ms" if is_heard_out else "ms, cut off")


class NeverSet(asyncio.Event):
    """The client stays to the end."""

    def set(self) -> None:
        """It does not go."""


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("end", ["the client goes", "the server cancels"])
async def test_a_request_that_ends_before_its_response_is_a_line(
    app: FastAPI, caplog: pytest.LogCaptureFixture, end: str
) -> None:
    has_begun = asyncio.Event()

    @app.get("/slow")
    async def slow() -> None:
        has_begun.set()
        await asyncio.Event().wait()

    caplog.clear()
    gone = asyncio.Event()
    request = asyncio.create_task(converse(app, "/slow", gone, []))
    await has_begun.wait()
    if end == "the client goes":
        gone.set()
    else:
        request.cancel()
    with suppress(asyncio.CancelledError):
        await request

    assert requests_in(caplog) == [("GET", "/slow", NO_RESPONSE)]


class TestSettings:
    @pytest.fixture
    def settings(self, settings: Settings, request: pytest.FixtureRequest) -> Settings:
        return settings.model_copy(update=request.param)

    @pytest.mark.parametrize("settings", [{"access_log": False}], indirect=True)
    async def test_the_log_can_be_turned_off(
        self, client: AsyncClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        await client.get("/health")

        assert records_in(caplog) == []

    @pytest.mark.parametrize("settings", [{"access_log_clients": True}], indirect=True)
    async def test_the_client_s_address_is_in_it_where_that_is_wanted(
        self, app: FastAPI, client: AsyncClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        del client
        async with client_of(app) as other:
            await other.get("/health")

        assert [vars(each)["client"] for each in records_in(caplog)] == ["192.0.2.1"]


@pytest.mark.usefixtures("_loggers_are_put_back")
@pytest.mark.parametrize("form", ["text", "json"])
def test_both_forms_have_it(capsys: pytest.CaptureFixture[str], form: str) -> None:
    configure_logging(Settings(log_format=form))
    scope = {"method": "GET", "path": "/openapi.json", "endpoint": None}
    token = request_id.set("mine")
    Traffic(log=True, clients=True, figures=None).end(scope, 200, 0.0035, is_cut=False)
    request_id.reset(token)

    [line] = capsys.readouterr().err.splitlines()
    if form == "text":
        assert line.endswith(" INFO    todo.web.traffic: GET /openapi.json 200 in 3.5 ms [mine]")
    else:
        found: dict[str, Any] = json.loads(line)
        assert found.pop("timestamp")
        assert found == {
            "level": "INFO",
            "logger": "todo.web.traffic",
            "message": "GET /openapi.json 200 in 3.5 ms",
            "event": "request",
            "method": "GET",
            "route": "/openapi.json",
            "status": 200,
            "ms": 3.5,
            "request_id": "mine",
        }
