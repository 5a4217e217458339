"""The limit on request bodies."""

from collections.abc import AsyncIterator

import pytest
from fastapi import HTTPException
from httpx2 import AsyncClient, Response
from starlette.types import Message

from todo.settings import Settings
from todo.web.body_limit import BodyLimit

LIMIT = 2048


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"body_limit": LIMIT})


def assert_too_large(answer: Response) -> None:
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "The request body may have at most 2048 bytes."
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


class Chunks:
    """A body that comes in chunks, without a length; counts those that were asked for."""

    def __init__(self, start: bytes) -> None:
        self._start = start
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._start
        for _ in range(1000):
            self.sent += 1
            yield b" " * 512


async def test_a_body_announced_as_too_large_is_refused(client: AsyncClient) -> None:
    assert_too_large(await client.post("/api/auth/register", content=b" " * (LIMIT + 1)))


async def test_a_body_of_exactly_the_limit_is_read(client: AsyncClient) -> None:
    body = b'{"email": "ada@example.com", "password": "correct horse"}'.ljust(LIMIT)

    answer = await client.post(
        "/api/auth/register", content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("path", "kind", "start"),
    [
        ("/api/auth/register", "application/json", b"{"),
        ("/api/auth/login", "application/x-www-form-urlencoded", b"username="),
        (
            "/api/auth/login",
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\n',
        ),
    ],
)
async def test_a_body_without_a_length_is_refused_where_it_becomes_too_large(
    client: AsyncClient, path: str, kind: str, start: bytes
) -> None:
    body = Chunks(start)

    answer = await client.post(path, content=body, headers={"Content-Type": kind})

    assert_too_large(answer)
    assert body.sent <= LIMIT // 512 + 1


async def test_a_body_that_nobody_reads_is_refused_when_it_is_announced(
    client: AsyncClient,
) -> None:
    assert_too_large(await client.request("GET", "/health", content=b" " * (LIMIT + 1)))


async def receive() -> Message:
    return {"type": "http.request", "body": b" " * (LIMIT + 1), "more_body": False}


@pytest.mark.parametrize(
    "headers", [{}, {b"content-length": b"0"}, {b"content-length": b"%d" % LIMIT}]
)
def test_a_body_whose_size_is_known_is_not_counted(headers: dict[bytes, bytes]) -> None:
    assert BodyLimit(LIMIT).bound(receive, {"http_version": "1.1"}, headers) is receive


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        ("1.1", {b"transfer-encoding": b"chunked"}),
        ("1.1", {b"transfer-encoding": b"chunked", b"content-length": b"1"}),
        ("1.1", {b"content-length": b"+1"}),
        ("2", {}),
    ],
)
async def test_a_body_whose_size_is_not_known_is_counted(
    version: str, headers: dict[bytes, bytes]
) -> None:
    counted = BodyLimit(LIMIT).bound(receive, {"http_version": version}, headers)

    assert counted is not None
    with pytest.raises(HTTPException, match="413"):
        await counted()
