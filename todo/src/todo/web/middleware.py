"""The middleware for every request and response of the application."""

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from todo.settings import Settings
from todo.web.body_limit import BodyLimit
from todo.web.boundary import answer_unforeseen
from todo.web.cookies import without_cookies
from todo.web.cors import EXPOSED, LOCAL, CrossOrigin, is_local_allowed
from todo.web.headers import VARY_BY_ORIGIN, Header, complete, security_headers
from todo.web.request_id import HEADER as REQUEST_ID
from todo.web.request_id import identify
from todo.web.traffic import NO_RESPONSE, Traffic

if TYPE_CHECKING:
    from todo.web.figures import HTTPCollector


class WebMiddleware:
    """Identifies and records the request, limits its body, removes its cookies, and adds headers.

    Unexpected errors are handled here, so that their response has the headers, too. It is all one
    layer: every layer that wraps `send` is two more calls per request.

    Args:
        app: The application that it wraps.
        settings: The allowed origins, the size limit of a body, and what the log has.
        figures: The figures to which requests are added, if any.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, figures: "HTTPCollector | None" = None
    ) -> None:
        self._app = app
        self._traffic = None
        if settings.access_log or figures is not None:
            self._traffic = Traffic(
                log=settings.access_log, clients=settings.access_log_clients, figures=figures
            )
        self._body_limit = BodyLimit(settings.body_limit)
        self._cross_origin = CrossOrigin(
            app,
            allow_origins=settings.cors_origins or (),
            allow_origin_regex=LOCAL if is_local_allowed(settings) else None,
            allow_credentials=settings.cors_allow_credentials,
            allow_methods=settings.cors_allow_methods,
            allow_headers=settings.cors_allow_headers,
            expose_headers=EXPOSED,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        app = self._app
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        # If a header occurs twice, the first counts.
        given = dict(reversed(scope["headers"]))
        added = security_headers(scope)
        added.append((REQUEST_ID, identify(given.get(REQUEST_ID))))
        if b"cookie" in given:
            scope = without_cookies(scope)
        bounded = self._body_limit.bound(receive, scope, given)
        if bounded is None:
            app = self._body_limit.refusal
        else:
            receive = bounded
        if b"origin" in given:
            app, send = self._cross_origin.between(app, scope, send)
        else:
            added.append(VARY_BY_ORIGIN)
        response = _Response(scope, send, added, self._traffic)
        try:
            await app(scope, receive, response.send)
        except Exception as error:
            answer = answer_unforeseen(scope, error)
            if response.status is not None:
                raise
            await answer(scope, receive, response.send)
        finally:
            if response.traffic is not None:
                response.end(is_cut=True)


class _Response:
    """The response to one request on its way to the server.

    Attributes:
        status: Its status, once it has begun.
        traffic: Where it is to be recorded; None when it has been, or is not.
    """

    __slots__ = ("_added", "_began", "_scope", "_send", "status", "traffic")

    def __init__(
        self, scope: Scope, send: Send, added: Sequence[Header], traffic: Traffic | None
    ) -> None:
        self._scope, self._send, self._added = scope, send, added
        self.status: int | None = None
        self.traffic = traffic
        if traffic is not None:
            self._began = perf_counter()
            traffic.begin()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = complete(message.get("headers", ()), self._added)
            await self._send(message)
            return
        await self._send(message)
        # Not when the application returns: it may have work to do in the background.
        if self.traffic is not None and not message.get("more_body"):
            self.end(is_cut=False)

    def end(self, *, is_cut: bool) -> None:
        traffic, self.traffic = self.traffic, None
        if traffic is not None:
            seconds = perf_counter() - self._began
            traffic.end(self._scope, self.status or NO_RESPONSE, seconds, is_cut=is_cut)
