"""Unexpected errors."""

import logging
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from httpx2 import AsyncClient

ORIGIN = "http://localhost:3000"


@pytest.fixture
def app(app: FastAPI) -> FastAPI:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise ZeroDivisionError("in the middle")

    @app.get("/broken")
    @app.get("/broken/{name}")
    async def broken() -> None:
        raise ZeroDivisionError("the secret cause")

    @app.get("/half")
    async def stream() -> StreamingResponse:
        return StreamingResponse(half())

    return app


async def test_the_client_learns_nothing_but_the_request_s_id(client: AsyncClient) -> None:
    answer = await client.get("/broken", headers={"X-Request-ID": "mine", "Origin": ORIGIN})

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_log_has_the_cause(client: AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="todo.web.boundary"):
        await client.get("/broken")

    (record,) = (record for record in caplog.records if record.name == "todo.web.boundary")
    assert record.getMessage() == "GET /broken failed unexpectedly"
    assert "ZeroDivisionError: the secret cause" in caplog.text


async def test_the_log_has_the_path_in_one_line(
    client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await client.get("/broken/%0a%1b[2J%e2%80%a8")

    (record,) = (record for record in caplog.records if record.name == "todo.web.boundary")
    assert record.getMessage() == "GET /broken/%0A%1B%5B2J%E2%80%A8 failed unexpectedly"


async def test_an_answer_that_has_begun_is_cut_off(client: AsyncClient) -> None:
    with pytest.raises(ZeroDivisionError):
        await client.get("/half")
