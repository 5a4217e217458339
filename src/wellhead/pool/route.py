"""On whose behalf connections are taken, where somebody says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

current_route: ContextVar[str | None] = ContextVar("wellhead_route", default=None)
"""The route that the running task serves, such as ``GET /tasks/{id}``."""

get_route = current_route.get
"""Which route is being served, if any; without a look-up, for each use of a connection."""


@contextmanager
def serving(route: str) -> Iterator[None]:
    """Name the route for connections that are taken in the block, in figures and warnings."""
    token = current_route.set(route)
    try:
        yield
    finally:
        current_route.reset(token)
