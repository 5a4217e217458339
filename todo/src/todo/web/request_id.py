"""A name for each request, in its answer and in every log line that it causes."""

import re
from contextvars import ContextVar
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"

WELL_FORMED = re.compile(r"[A-Za-z0-9._~+/=:-]{1,128}")
"""What is taken over from a client or a proxy: nothing that could forge a log line."""

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The request that this task works for, or None outside of one."""


class RequestId:
    """Takes a well-formed `X-Request-ID` over or makes one, and sends it back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        identifier = given if WELL_FORMED.fullmatch(given) else uuid4().hex

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = identifier
            await send(message)

        # Not reset afterwards: the server writes its access line when the answer has gone.
        request_id.set(identifier)
        await self._app(scope, receive, send_with_id)
