"""A limit on request bodies, announced (`Content-Length`) or not (chunked)."""

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wellhead.fastapi import problem_response


class BodyLimit:
    """Answers 413 when a body is larger than allowed, before reading what was announced.

    FastAPI's own limit answers in plain text; this one answers with a problem document.

    Args:
        app: The application behind it.
        limit: The largest body in bytes.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit
        self._detail = f"The request body may have at most {limit} bytes."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("Content-Length", "")
        if announced.isdecimal() and int(announced) > self._limit:
            await problem_response(413, detail=self._detail)(scope, receive, send)
            return
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                # FastAPI passes an HTTPException on while it reads a body; anything else from
                # here would become "400, there was an error parsing the body".
                raise HTTPException(status_code=413, detail=self._detail)
            return message

        await self._app(scope, receive_counted, send)
