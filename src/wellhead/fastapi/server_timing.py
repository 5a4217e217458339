"""What a request does with its databases, in its response and in the log; for development."""

import logging
from collections.abc import Iterable

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wellhead.database import Database
from wellhead.fastapi.targets import route_of
from wellhead.sessions.statements import digest_of, kind_of
from wellhead.sessions.tallying import RequestTally, current_tally, tallying

logger = logging.getLogger("wellhead.fastapi")


def add_tallies(app: FastAPI, databases: Iterable[Database]) -> None:
    """Keep a tally of each request, if the settings of a database ask for it.

    It goes inside all other middleware but the deadline, whose responses have the header, too.
    """
    asking = [each.settings for each in databases if each.settings.keeps_tallies]
    if not asking:
        return
    is_shown = any(each.server_timing for each in asking)
    variable = asking[0].variable_of("repeated_query_threshold")
    app.user_middleware.append(Middleware(RequestTallies, is_shown=is_shown, variable=variable))


class RequestTallies:
    """Keeps a tally of each request: shows it in its response, and warns of what is repeated.

    Args:
        app: The application that it wraps.
        is_shown: Whether responses have the header ``Server-Timing``.
        variable: The variable of the threshold, for the warning.
    """

    def __init__(self, app: ASGIApp, *, is_shown: bool, variable: str) -> None:
        self._app = app
        self._is_shown = is_shown
        self._variable = variable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        # An application that is mounted in another may have databases of its own.
        if scope["type"] != "http" or current_tally.get() is not None:
            await self._app(scope, receive, send)
            return

        async def send_with_header(message: Message) -> None:
            if self._is_shown and message["type"] == "http.response.start":
                header = (b"server-timing", in_header(tally).encode())
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        with tallying() as tally:
            try:
                await self._app(scope, receive, send_with_header)
            finally:
                self._warn(tally, scope)

    def _warn(self, tally: RequestTally, scope: Scope) -> None:
        for each in tally.repeated_too_often():
            kind, digest = kind_of(each.statement), digest_of(each.statement)
            route = route_of(scope)
            logger.warning(
                "%s ran the same %s %d times (limit %d), statement %s, from %s; load these rows "
                "with one statement, as by selectinload() or IN, or raise %s",
                route,
                kind,
                each.count,
                each.most,
                digest,
                each.place or "unknown code",
                self._variable,
                extra={
                    "event": "repeated_query",
                    "route": route,
                    "count": each.count,
                    "threshold": each.most,
                    "statement_kind": kind,
                    "statement_digest": digest,
                    "place": each.place,
                },
            )


def in_header(tally: RequestTally) -> str:
    """The value of ``Server-Timing``, with milliseconds: https://www.w3.org/TR/server-timing/."""
    done = _many(tally.queries, "query", "queries")
    if tally.round_trips is not None:
        done += f" in {_many(tally.round_trips, 'round trip', 'round trips')}"
    return (
        f'db;dur={tally.seconds * 1000:.1f};desc="{done}", '
        f'db-wait;dur={tally.wait_seconds * 1000:.1f};desc="waiting for a connection"'
    )


def _many(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"
