"""What is recorded of each request: a line in the log, and figures for Prometheus.

Both name the template of the route, not the path, which has ids in it, and never the query.
"""

import logging
from typing import TYPE_CHECKING

from starlette.types import Scope

if TYPE_CHECKING:
    from todo.web.figures import HTTPCollector

logger = logging.getLogger(__name__)

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
OTHER_METHOD = "OTHER"
"""What any further method is called, since a client may invent some."""

NO_ROUTE = "none"
"""What the route of a request is called that no route serves: most 404, every 405, preflights."""

NO_RESPONSE = 499
"""The status of a request that was cancelled before its response began, as nginx writes it."""

_METHOD_NOT_ALLOWED = 405


class Traffic:
    """Records requests when their response is complete or has ended early.

    Args:
        log: Whether to write a line for each.
        clients: Whether the line has the client's address.
        figures: The figures to add them to, if any.
    """

    def __init__(self, *, log: bool, clients: bool, figures: "HTTPCollector | None") -> None:
        self._log = log
        self._clients = clients
        self._figures = figures

    def begin(self) -> None:
        """Note that a request has begun."""
        if self._figures is not None:
            self._figures.in_flight += 1

    def end(self, scope: Scope, status: int, seconds: float, *, is_cut: bool) -> None:
        """Record a request.

        Args:
            scope: Its ASGI scope, after it was routed.
            status: The status of its response.
            seconds: How long it took.
            is_cut: Whether the response did not get to its end.
        """
        method = scope["method"]
        if method not in METHODS:
            method = OTHER_METHOD
        route = NO_ROUTE if status == _METHOD_NOT_ALLOWED else route_of(scope)
        if self._figures is not None:
            self._figures.in_flight -= 1
            self._figures.add(method, route, status, seconds)
        if self._log and logger.isEnabledFor(logging.INFO):
            self._write(scope, method, route, status, seconds * 1000, is_cut=is_cut)

    def _write(
        self, scope: Scope, method: str, route: str, status: int, ms: float, *, is_cut: bool
    ) -> None:
        fields = {
            "event": "request",
            "method": method,
            "route": route,
            "status": status,
            "ms": round(ms, 1),
        }
        if is_cut:
            fields["is_cut"] = True
        if self._clients and scope.get("client") is not None:
            fields["client"] = scope["client"][0]
        text = "%s %s %d in %.1f ms, cut off" if is_cut else "%s %s %d in %.1f ms"
        logger.info(text, method, route, status, ms, extra=fields)


def route_of(scope: Scope) -> str:
    """The template of the route that serves a request, such as `/api/{user_id}/tasks`."""
    route = scope.get("route")
    if route is not None:
        template: str = route.path_format
        return template
    if "app_root_path" in scope:
        # Files: a mount moves the root of the path.
        return f"{scope['root_path'].removeprefix(scope['app_root_path'])}/{{path}}"
    # Only `/openapi.json` is neither; without parameters, its path is the template.
    return scope["path"] if "endpoint" in scope else NO_ROUTE
