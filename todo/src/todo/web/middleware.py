"""The middleware for every request and response of the application."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from todo.settings import Settings
from todo.web.body_limit import BodyLimit
from todo.web.boundary import answer_unforeseen
from todo.web.cookies import without_cookies
from todo.web.cors import EXPOSED, LOCAL, CrossOrigin, is_local_allowed
from todo.web.headers import VARY_BY_ORIGIN, complete, security_headers
from todo.web.request_id import HEADER as REQUEST_ID
from todo.web.request_id import identify


class WebMiddleware:
    """Identifies the request, limits its body, removes its cookies, and adds response headers.

    Unexpected errors are handled here, so that their response has the headers, too. It is all one
    layer: every layer that wraps `send` is two more calls per request.

    Args:
        app: The application that it wraps.
        settings: The allowed origins, and the size limit of a body.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
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
        has_started = False

        async def send_completed(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                message["headers"] = complete(message.get("headers", ()), added)
            await send(message)

        try:
            await app(scope, receive, send_completed)
        except Exception as error:
            answer = answer_unforeseen(scope, error)
            if has_started:
                raise
            await answer(scope, receive, send_completed)
