"""405 with every method that a path takes.

Starlette names the methods of the first route that fits the path; a path with one route for each
method needs them all (RFC 9110, section 15.5.6).
"""

from fastapi import FastAPI, Request, Response
from starlette.routing import Match, Mount

from wellhead.fastapi import problem_response

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def install_methods(app: FastAPI) -> None:
    """Answer 405 for the whole application."""
    app.add_exception_handler(405, answer_method_not_allowed)


async def answer_method_not_allowed(request: Request, error: Exception) -> Response:
    """Say which methods the path takes."""
    del error
    allowed = [method for method in METHODS if _takes(request, method)]
    return problem_response(
        405,
        detail=f"{request.url.path} takes {' and '.join(allowed)}.",
        headers={"Allow": ", ".join(allowed)},
    )


def _takes(request: Request, method: str) -> bool:
    app: FastAPI = request.app
    scope = {**request.scope, "method": method}
    return any(
        route.matches(scope)[0] is Match.FULL
        # What is mounted here are files, which leave the choice of method to the one who asks.
        and (method in {"GET", "HEAD"} or not isinstance(route, Mount))
        for route in app.router.routes
    )
