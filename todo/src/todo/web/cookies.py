"""Cookies, which nobody here reads."""

from starlette.types import ASGIApp, Receive, Scope, Send


class NoCookies:
    """Takes the cookies off each request.

    FastAPI would read them for every route, and Python needs 20 s for one of 64 KB that is full of
    backslashes, before 3.11.10 and 3.12.6 (CVE-2024-7592).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        if scope["type"] == "http":
            headers = [header for header in scope["headers"] if header[0] != b"cookie"]
            if len(headers) < len(scope["headers"]):
                scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)
