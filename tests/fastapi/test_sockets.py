"""Errors on a WebSocket, before and after it is accepted."""

import json

import pytest
from fastapi import FastAPI, HTTPException, WebSocket
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import Message, Scope
from starlette.websockets import WebSocketDisconnect

from wellhead import Database, DatabaseSettings, ReadOnlyError, UnreachableError
from wellhead.fastapi import install

ERRORS: dict[str, Exception] = {
    "unavailable": UnreachableError("nobody there"),
    "broken": ReadOnlyError("a mistake"),
    "refused": HTTPException(403),
}

STATUSES = {"unavailable": 503, "broken": 500, "refused": 403}

# https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 and its registry: try again later, internal
# error, policy violation.
CODES = {"unavailable": 1013, "broken": 1011, "refused": 1008}


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    install(app, Database(DatabaseSettings(url="postgresql://user@localhost/database")))

    @app.websocket("/{state}/{error}")
    async def fail(socket: WebSocket, state: str, error: str) -> None:
        if state == "accepted":
            await socket.accept()
        raise ERRORS[error]

    return app


@pytest.mark.parametrize("error", ERRORS)
def test_a_websocket_that_is_not_yet_accepted_is_refused_with_a_problem(
    app: FastAPI, error: str
) -> None:
    client = TestClient(app)
    with pytest.raises(WebSocketDenialResponse) as refused:
        client.websocket_connect(f"/waiting/{error}").__enter__()

    assert refused.value.status_code == STATUSES[error]
    assert refused.value.headers["content-type"] == "application/problem+json"
    assert json.loads(refused.value.content)["status"] == STATUSES[error]


@pytest.mark.parametrize("error", ERRORS)
def test_an_accepted_websocket_is_closed_with_a_reason(app: FastAPI, error: str) -> None:
    with (
        TestClient(app).websocket_connect(f"/accepted/{error}") as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_text()

    assert closed.value.code == CODES[error]


async def test_a_server_that_sends_no_response_on_a_websocket_just_refuses_it(
    app: FastAPI,
) -> None:
    scope: Scope = {
        "type": "websocket",
        "path": "/waiting/unavailable",
        "raw_path": b"/waiting/unavailable",
        "root_path": "",
        "scheme": "ws",
        "query_string": b"",
        "headers": [],
        "subprotocols": [],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)

    assert sent == [{"type": "websocket.close", "code": 1013}]
