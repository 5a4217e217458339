"""Routers that a request for another one's path passes in one step."""

from typing import Any

from fastapi import APIRouter
from starlette.routing import Match
from starlette.types import Scope


class SegmentRouter(APIRouter):
    """A router whose routes are only asked where the path holds the last segment of its prefix.

    FastAPI asks one route after the other, those of a router that was included through several
    layers, and asks twice where one has the path.

    Args:
        prefix: What the paths of its routes begin with.
        options: As `APIRouter` takes them.
    """

    def __init__(self, *, prefix: str, **options: Any) -> None:
        super().__init__(prefix=prefix, **options)
        self._segment = prefix[prefix.rindex("/") :]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether one of its routes serves the request."""
        if self._segment not in scope["path"]:
            return _ANOTHER
        return super().matches(scope)


# Python 3.11 looks a member of an enumeration up for longer than all else that matches() does.
_ANOTHER: tuple[Match, Scope] = (Match.NONE, {})
