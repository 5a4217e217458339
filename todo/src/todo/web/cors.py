"""Cross-origin requests: Starlette's rules, with refusals as problem documents."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from wellhead.fastapi import problem_response

EXPOSED = ("ETag", "Idempotency-Replayed", "Link", "Location", "Retry-After", "X-Request-ID")
"""Headers of answers that scripts of allowed origins may read."""


class CrossOrigin(CORSMiddleware):
    """Starlette's middleware; a refused preflight says why in the form of every other error."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a preflight request: 200 with what is allowed, or 400 with what is not."""
        response = super().preflight_response(request_headers)
        if response.status_code == HTTPStatus.OK:
            return response
        problem = problem_response(400, detail=f"{bytes(response.body).decode()}.")
        for name, value in response.headers.items():
            if name not in {"content-length", "content-type"}:
                problem.headers[name] = value
        return problem
