"""Cross-origin requests: Starlette's rules, with refusals as problem documents."""

from functools import partial
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Scope, Send

from todo.settings import Settings
from wellhead.fastapi import problem_response

EXPOSED = ("ETag", "Idempotency-Replayed", "Link", "Location", "Retry-After", "X-Request-ID")
"""Response headers that scripts from allowed origins may read."""

LOCAL = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?"
"""The origins of pages that this machine serves itself, on any port."""


def is_local_allowed(settings: Settings) -> bool:
    """Whether such pages may call the API: in development, if no origins are set."""
    return settings.cors_origins is None and not settings.is_production


class CrossOrigin(CORSMiddleware):
    """Starlette's middleware; a refused preflight gives the reason like every other error."""

    def between(self, app: ASGIApp, scope: Scope, send: Send) -> tuple[ASGIApp, Send]:
        """Return the application for a request with an `Origin`, and how to send its response.

        It follows the same rules as a call, for a caller that adds its own headers to every
        response, including that to a preflight request.

        Args:
            app: The application, which handles everything but preflight requests.
            scope: The request's ASGI scope.
            send: The server's `send`.
        """
        headers = Headers(scope=scope)
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            return self.preflight_response(headers), send
        return app, partial(self.send, send=send, request_headers=headers)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Respond to a preflight request: 200 with what is allowed, or 400 with what is not."""
        response = super().preflight_response(request_headers)
        if response.status_code == HTTPStatus.OK:
            return response
        problem = problem_response(400, detail=f"{bytes(response.body).decode()}.")
        for name, value in response.headers.items():
            if name not in {"content-length", "content-type"}:
                problem.headers[name] = value
        return problem
