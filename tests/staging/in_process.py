"""Requests to an application in this process, without a client that would cost something itself."""

import asyncio

from starlette.types import ASGIApp, Message

JSON = [(b"content-type", b"application/json")]


async def ask(app: ASGIApp, path: str, body: bytes | None = None) -> int:
    """The status of the response to a GET of this path, or to a POST where there is a body."""
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
        "method": "GET" if body is None else "POST", "path": path, "query_string": b"",
        "root_path": "", "headers": [] if body is None else JSON,
    }  # fmt: skip
    await app(scope, receive, send)
    [status] = statuses
    return status
