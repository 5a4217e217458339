"""The place where an unforeseen error becomes an answer.

Starlette answers unforeseen errors outside of every middleware, where the request id, the
security headers and the cross-origin headers are missing. This answers them inside.
"""

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wellhead.fastapi import problem_response
from wellhead.fastapi.targets import shown

logger = logging.getLogger(__name__)


class ErrorBoundary:
    """Logs what nobody foresaw with its traceback, and answers 500 without a word about it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_started = False

        async def send_noted(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except Exception:
            logger.exception("%s %s failed unexpectedly", *shown(scope))
            if has_started:
                raise
            answer = problem_response(500, detail="The error was logged under this request's id.")
            await answer(scope, receive, send)
