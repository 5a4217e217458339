"""Which methods the target of a request knows."""

from fastapi.requests import HTTPConnection
from starlette.routing import Match

_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def allowed_methods(connection: HTTPConnection) -> list[str]:
    """Every method that some route takes at this path; none where the routes cannot tell.

    Starlette names only those of the first route that has the path, and FastAPI makes a route of
    its own for each method.
    """
    scope, routes = connection.scope, connection.app.router.routes
    found = [
        method
        for method in _METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    # A mounted application takes every method, and refuses some of them itself.
    return [] if scope["method"] in found else found
