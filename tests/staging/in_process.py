"""Requests to an application in this process, without a client that would cost something itself."""

import asyncio

from starlette.types import ASGIApp, Message


async def get(app: ASGIApp, path: str) -> int:
    """The status of the response to a GET of this path."""
    statuses: list[int] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "query_string": b"", "root_path": "", "headers": [],
    }  # fmt: skip
    await app(scope, receive, send)
    [status] = statuses
    return status
