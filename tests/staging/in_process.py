"""Requests to an application in this process, without a client that would cost something itself."""

import asyncio
from collections.abc import Sequence

from starlette.types import ASGIApp, Message

JSON = [(b"content-type", b"application/json")]


async def ask(
    app: ASGIApp,
    path: str,
    body: bytes | None = None,
    *,
    method: str = "",
    query: bytes = b"",
    headers: Sequence[tuple[bytes, bytes]] | None = None,
) -> int:
    """The status of the response to a request, whose body is read.

    Args:
        app: What responds.
        path: Without the query.
        body: What is sent, if anything.
        method: GET without a body, and POST with one, unless it is given.
        query: Behind the path.
        headers: All of them; that of JSON with a body, unless they are given.
    """
    if headers is None:
        headers = [] if body is None else JSON
    statuses: list[int] = []
    messages: list[Message] = [{"type": "http.request", "body": body or b"", "more_body": False}]

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
        "method": method or ("GET" if body is None else "POST"), "path": path,
        "query_string": query, "root_path": "", "headers": list(headers),
    }  # fmt: skip
    await app(scope, receive, send)
    [status] = statuses
    return status
