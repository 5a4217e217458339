"""The application's own handlers and routes take precedence over Wellhead's."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exception_handlers import (
    http_exception_handler,
    request_validation_exception_handler,
)
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

logger = logging.getLogger("wellhead.fastapi")

_FASTAPIS = (http_exception_handler, request_validation_exception_handler)

# A path segment that no route names.
_UNNAMED = "-no-route-names-this-"


def add_handlers(app: FastAPI, handlers: Mapping[type[Exception], Callable[..., Any]]) -> None:
    """Add these handlers, except those the application already has; FastAPI's do not count.

    To Starlette, a handler for the status 500 is the one for ``Exception``.
    """
    present = app.exception_handlers
    for kind, handler in handlers.items():
        has_own = present.get(kind, _FASTAPIS[0]) not in _FASTAPIS
        if not has_own and not (kind is Exception and 500 in present):  # noqa: PLR2004 - HTTP
            app.add_exception_handler(kind, handler)


def leave_out_answered(app: FastAPI, ours: Sequence[Route]) -> None:
    """Remove those of our routes that the application serves itself, and warn of a mix-up.

    A route that names the path, or a part of it, wins wherever it was added. A catch-all wins if it
    was added before ours, as it does over any route; that is seldom intended.
    """
    shadowed: dict[str, str] = {}
    for route in ours:
        rival = _rival_of(route, app.router.routes, ours)
        if rival is None:
            continue
        app.router.routes[:] = [each for each in app.router.routes if each is not route]
        if _takes_every_path(rival, route.path):
            shadowed[route.path] = str(getattr(rival, "path", rival))
    if shadowed:
        logger.warning(
            "the application's route %s, which takes every path, was added before %s: it serves "
            "these paths instead. Call wellhead.fastapi.install before you add it",
            ", ".join(dict.fromkeys(shadowed.values())),
            ", ".join(shadowed),
            extra={"event": "routes_shadowed", "routes": list(shadowed)},
        )


def _rival_of(route: Route, routes: Sequence[BaseRoute], ours: Sequence[Route]) -> Any:
    is_past = False
    for each in routes:
        is_past = is_past or each is route
        if any(each is mine for mine in ours):
            continue
        for part in _parts_of(each):
            if _takes(part, route.path) and not (is_past and _takes_every_path(part, route.path)):
                return part
    return None


def _parts_of(route: BaseRoute) -> Iterator[Any]:
    # FastAPI keeps an included router as one route.
    parts = getattr(route, "effective_route_contexts", None)
    yield from [route] if parts is None else parts()


def _takes_every_path(route: Any, like: str) -> bool:
    return _takes(route, re.sub(r"[^/]+", _UNNAMED, like))


def _takes(route: Any, path: str) -> bool:
    scope: Scope = {
        "type": "http", "method": "GET", "path": path, "root_path": "", "query_string": b"",
        "headers": [], "path_params": {},
    }  # fmt: skip
    match, _ = route.matches(scope)
    return bool(match is Match.FULL)
