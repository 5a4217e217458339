"""The target of a request: which methods it supports, and how the log shows it."""

from urllib.parse import quote

from fastapi.requests import HTTPConnection
from starlette.routing import BaseRoute, Match, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_OF_FILES = ("GET", "HEAD")


def route_of(scope: Scope) -> str:
    """The method and the template of the route that serves a connection.

    The template, not the path: the pool keeps its figures by it.
    """
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", "?")
    return f"{scope.get('method', 'WEBSOCKET')} {path}"


LONGEST_PATH = 200
"""The most characters of a path that are logged."""


def shown(scope: Scope) -> tuple[str, str]:
    """The method and the path of a connection, for a log line.

    Both come from outside: decoded, they could contain line breaks and terminal control characters.
    """
    path = scope["path"]
    end = "..." if len(path) > LONGEST_PATH else ""
    method = quote(scope.get("method", "WebSocket"), errors="replace")
    return method, quote(path[:LONGEST_PATH], errors="replace") + end


def allowed_methods(connection: HTTPConnection) -> list[str]:
    """Every method that some route supports at this path; none if the routes cannot tell.

    Starlette lists only those of the first route that has the path, and FastAPI makes one route per
    method. RFC 9110, section 15.5.6, wants them all in the 405 response.
    """
    scope, routes = connection.scope, connection.app.router.routes
    # A mount moves the root of the path that it passes on, and keeps the application's own.
    root = scope.get("app_root_path", scope.get("root_path", ""))
    found = [
        method
        for method in _METHODS
        if any(_takes(route, {**scope, "root_path": root, "method": method}) for route in routes)
    ]
    return [] if scope["method"] in found else found


def _takes(route: BaseRoute, scope: Scope) -> bool:
    if route.matches(scope)[0] is not Match.FULL:
        return False
    # A mounted application takes every method here, and refuses some of them itself.
    is_file = isinstance(route, Mount) and isinstance(route.app, StaticFiles)
    return scope["method"] in _OF_FILES if is_file else not isinstance(route, Mount)
