"""How long a request may take, and what becomes of its work when nobody waits for it any more."""

import logging
from functools import partial
from typing import Any
from urllib.parse import quote

from fastapi import Depends, FastAPI, Response
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wellhead.errors import (
    CommittedError,
    CommitUnknownError,
    RequestTimeoutError,
    SettingsError,
    WellheadError,
)
from wellhead.fastapi.listening import Listener
from wellhead.sessions.deadline import Deadline, Ending, current_deadline

logger = logging.getLogger("wellhead.fastapi")

CLIENT_GONE = 499
"""The status for middleware and logs where the client has gone; nginx's word for it."""


def deadline(seconds: float | None) -> Any:
    """Another limit than ``DATABASE_REQUEST_TIMEOUT``, for a route or a router.

    For ``dependencies=[deadline(5)]``. It counts from the beginning of the request; None for no
    limit. Of a router's and its route's, the route's holds. A WebSocket has none.

    Raises:
        SettingsError: The limit is not above 0.
    """
    if seconds is not None and not seconds > 0:
        raise SettingsError(f"The deadline of a route is {seconds!r}; it takes seconds above 0.")

    async def move() -> None:
        current = current_deadline.get()
        if current is not None:
            current.move(seconds)

    return Depends(move)


def add_deadline(app: FastAPI, *, seconds: float | None) -> None:
    """Give every request a limit, inside of all other middleware.

    There the headers and the logs of the others reach the answer, and what they do themselves is
    neither counted nor cancelled.
    """
    app.add_middleware(RequestDeadline, seconds=seconds)
    app.user_middleware.append(app.user_middleware.pop(0))


class RequestDeadline:
    """Ends the work for a request that takes too long, or whose client has gone.

    The time counts until the answer begins. An answer that has begun is never cut, and a
    background task after it is not either. WebSockets are left alone.

    Args:
        app: The application behind it.
        seconds: The limit; None for none.
    """

    def __init__(self, app: ASGIApp, seconds: float | None) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = Deadline(self._seconds)
        listener = Listener(scope, receive, partial(limit.end, Ending.GONE))

        async def send_in_time(message: Message) -> None:
            if limit.is_over:
                # The work was cancelled, and what it says to that is not the answer.
                return
            if message["type"] == "http.response.start":
                limit.lift()
            await send(message)

        try:
            with limit:
                await self._app(scope, listener.receive, send_in_time)
        finally:
            listener.stop()
        if limit.ending is Ending.TIMEOUT and limit.is_over:
            await _answer_too_late(limit, scope, receive, send)
        elif limit.is_over:
            _note_gone(scope)
            await Response(status_code=CLIENT_GONE)(scope, receive, send)


async def _answer_too_late(limit: Deadline, scope: Scope, receive: Receive, send: Send) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        raise _too_late(limit) from limit.error

    # The application's own handlers decide, as they do for every other error.
    answer = ExceptionMiddleware(fail, handlers=scope["app"].exception_handlers)
    await answer(scope, receive, send)


def _too_late(limit: Deadline) -> WellheadError:
    commits = limit.commits
    if commits.is_open:
        return CommitUnknownError.after_silence()
    if commits.succeeded:
        return CommittedError(
            f"The request was not answered within {limit.seconds:g} s, after it had committed "
            f"{commits.succeeded} transactions.",
            commits=commits.succeeded,
        )
    return RequestTimeoutError(
        f"The request was not answered within {limit.seconds:g} s; its work was cancelled, and "
        "nothing was committed.",
        hint="Make it faster, raise DATABASE_REQUEST_TIMEOUT, or give the route a deadline of "
        "its own.",
    )


def _note_gone(scope: Scope) -> None:
    # The path comes from outside, and could hold what a terminal takes for commands.
    path = quote(scope["path"])
    logger.info(
        "%s %s: the client has gone; the work was cancelled",
        scope["method"],
        path,
        extra={"event": "client_gone", "path": path},
    )
