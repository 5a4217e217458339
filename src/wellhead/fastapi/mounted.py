"""Applications mounted in the one that was given a database: they share it.

A mounted application has its own handlers and middleware, and responds with 500 to an error that it
does not know before the parent application sees it.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import Receive, Scope, Send

HOST = "wellhead.host"
"""The key in a connection's scope for the application that was given the database."""

_CATCH_ALL = (Exception, 500)


def parts_of(app: FastAPI) -> Iterator[Any]:
    """Every route, router and application in one, at any depth.

    Includes those behind middleware that keeps them as ``app``, as Starlette's middleware does.
    """
    seen: set[int] = set()
    waiting: list[Any] = list(app.routes)
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        # A route, a router, a router that FastAPI included, or middleware.
        if routes := getattr(each, "routes", None):
            waiting.extend(routes)
        waiting.extend(getattr(each, name, None) for name in ("app", "original_router"))


def mounted_in(app: FastAPI) -> Iterator[Starlette]:
    """Every application of Starlette or FastAPI that is mounted in one, at any depth."""
    return (each for each in parts_of(app) if isinstance(each, Starlette))


async def answer_as(
    app: Starlette, error: Exception, scope: Scope, receive: Receive, send: Send
) -> None:
    """Respond to an error as if a route of this application had raised it.

    Its own handlers decide, then those of the application that was given the database. A handler
    for every ``Exception`` does not: it is a last resort.
    """
    host: Starlette = scope[HOST]
    handlers = {
        kind: handler
        for kind, handler in {**host.exception_handlers, **app.exception_handlers}.items()
        if kind not in _CATCH_ALL
    }

    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        raise error

    await ExceptionMiddleware(fail, handlers=handlers)({**scope, "app": app}, receive, send)
