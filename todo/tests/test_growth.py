"""Every route works through whatever a client sends in linear time."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from staged import StagedAccount
from starlette.types import Message

from tests.staging.growth import assert_linear, filled
from todo.settings import Settings
from todo.web.logs import configure_logging
from todo.web.traffic import Traffic

PATHS = ["postgres://a:", "/", "a/", "%0A", "%2e%2e/", "a"]
QUERIES = [
    "postgres://a:", "&", "={}&", "a{}=1&", "tag=x{}&", "tag=%CC%81%CC%A3", "cursor=AAAA",
    "q=-(", "q=%22", "completed=1&", "password='", ";", "%",
]  # fmt: skip
HEADERS = [
    '"a",',
    ", ",
    '",',
    "W/",
    "\\1",
    "a=b; ",
    ".",
    "eyJ",
    "*",
    "postgres://a:",
    "todo_pat_",
    "a",
]
BODIES = [
    "[", '{"a":', '{"title":"', '{"title":1,', "9", '"\\u0301', '{"tags":[1,', "&", "a=1&",
    "a{}=1&", "username=a@&", "--x\r\n", "\\",
]  # fmt: skip
WHOLE = {
    "many members": '{{"title":"x",{}}}',
    "many tags": '{{"title":"x","tags":[{}]}}',
    "a long title": '{{"title":"{}"}}',
    "a long address": '{{"email":"{}","password":"correct horse"}}',
    "a long password": '{{"email":"a@example.com","password":"{}"}}',
    "a long token": '{{"refresh_token":"{}"}}',
    "a long link": '{{"token":"{}","new_password":"correct horse"}}',
    "a long invite": '{{"email":"a@example.com","password":"correct horse","invite":"{}"}}',
}
FILLINGS = {
    "many members": '"a{}":1,',
    "many tags": '"t{}",',
    "a long title": "\u0301\u0323",
    "a long address": "xn--a.",
    "a long password": "\u0301\u0323",
    "a long token": "e.",
    "a long link": "e.",
    "a long invite": "e.",
}
KINDS = [
    b"application/json",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=x",
]
NAMES = [
    b"if-match", b"if-none-match", b"idempotency-key", b"cookie", b"accept", b"origin", b"range",
    b"x-request-id", b"x-forwarded-for", b"forwarded", b"access-control-request-headers",
    b"user-agent",
]  # fmt: skip

SHARE = 10
"""An operation meets one of so many shapes; the next one meets others."""


class Routes:
    """The operations of the application, called without a server or a client's library."""

    def __init__(self, app: FastAPI, account: StagedAccount) -> None:
        self._app = app
        self._token = account.headers["Authorization"].encode()
        self._user = str(account.id)

    def with_some_of(self, shapes: Sequence[str]) -> Iterator[tuple[str, str, str]]:
        """Each operation with a share of the shapes, so that each shape meets a share of them."""
        for number, (method, path) in enumerate(self._operations()):
            for shape in shapes[number % SHARE :: SHARE]:
                yield method, path, shape

    def _operations(self) -> Iterator[tuple[str, str]]:
        for path, methods in self._app.openapi()["paths"].items():
            for method in methods:
                names = {name: uuid4() for name in ("task_id", "tag_id", "login_id", "token_id")}
                yield method.upper(), path.format(user_id=self._user, **names)
        yield "GET", "/metrics"
        yield "GET", "/docs-assets/none"
        yield "GET", "/redoc/none"
        yield "OPTIONS", "/api/auth/login"

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[bytes, bytes] | None = None,
        body: bytes = b"",
    ) -> int:
        """One request; returns its status."""
        statuses: list[int] = []
        messages: list[Message] = [{"type": "http.request", "body": body}]

        async def receive() -> Message:
            return messages.pop() if messages else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            statuses.extend([message["status"]] if "status" in message else [])

        given = {b"host": b"test", b"authorization": self._token, **(headers or {})}
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": list(given.items()),
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        await self._app(scope, receive, send)
        return statuses[0]


@pytest.fixture
async def routes(app: FastAPI, client: AsyncClient, account: StagedAccount) -> Routes:
    assert client is not None  # What keeps the application open.
    return Routes(app, account)


async def test_a_path_takes_linear_time(routes: Routes) -> None:
    for method, path, shape in routes.with_some_of(PATHS):

        async def call(
            size: int, method: str = method, start: str = path + "/", shape: str = shape
        ) -> None:
            assert await routes.call(method, start + filled(shape, size)) < 500

        await assert_linear(call, f"{method} {path}/ and {shape!r}")


async def test_a_query_takes_linear_time(routes: Routes) -> None:
    for method, path, shape in routes.with_some_of(QUERIES):

        async def call(
            size: int, method: str = method, path: str = path, shape: str = shape
        ) -> None:
            assert await routes.call(method, path, query=filled(shape, size)) < 500

        await assert_linear(call, f"{method} {path}? and {shape!r}")


@pytest.mark.parametrize("names", [NAMES, [b"authorization"], [b"content-type"]])
async def test_headers_take_linear_time(names: list[bytes], routes: Routes) -> None:
    for method, path, shape in routes.with_some_of(HEADERS):

        async def call(
            size: int, method: str = method, path: str = path, shape: str = shape
        ) -> None:
            value = filled(shape, size).encode()
            written = {b"cookie": b'a="' + value + b'"', b"authorization": b"Bearer " + value}
            headers = {name: written.get(name, value) for name in names}
            assert await routes.call(method, path, headers=headers, body=b"{}") < 500

        await assert_linear(call, f"{method} {path} with {names} of {shape!r}")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_body_takes_linear_time(kind: bytes, routes: Routes) -> None:
    for method, path, shape in routes.with_some_of(BODIES):

        async def call(
            size: int, method: str = method, path: str = path, shape: str = shape
        ) -> None:
            headers = {b"content-type": kind, b"idempotency-key": b"a"}
            body = filled(shape, size).encode()
            assert await routes.call(method, path, headers=headers, body=body) < 500

        await assert_linear(call, f"{method} {path} with {kind!r} of {shape!r}")


async def test_a_well_formed_body_takes_linear_time(routes: Routes) -> None:
    for method, path, name in routes.with_some_of(list(WHOLE)):

        async def call(size: int, method: str = method, path: str = path, name: str = name) -> None:
            body = WHOLE[name].format(filled(FILLINGS[name], size).rstrip(",")).encode()
            headers = {b"content-type": KINDS[0], b"idempotency-key": b"a"}
            assert await routes.call(method, path, headers=headers, body=body) < 500

        await assert_linear(call, f"{method} {path} with {name}")


@pytest.mark.usefixtures("_loggers_are_put_back")
@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("shape", [*QUERIES, *HEADERS, "://a:", "\x1b", "\n"])
async def test_a_line_about_a_request_takes_linear_time(shape: str, form: str) -> None:
    configure_logging(Settings(log_format=form))
    [handler] = logging.getLogger().handlers
    traffic = Traffic(log=True, clients=False, figures=None)

    async def write(size: int) -> None:
        text = filled(shape, size)
        traffic.end({"method": text, "path": text}, 404, 0.1, is_cut=False)
        arguments = ("127.0.0.1:1", "GET", text, "1.1", 404)
        line = logging.LogRecord("todo", logging.INFO, "", 1, "%s %s %s %s %d", arguments, None)
        handler.format(line)

    await assert_linear(write, f"a line of {shape!r}")
