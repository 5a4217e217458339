"""An engine that can be had before there is one, for tools that want it when the program starts."""

from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine


class LateEngine(AsyncEngine):
    """SQLAlchemy's ``AsyncEngine``, which looks for its engine at each use.

    Args:
        find: Returns the engine that is there now, or raises where there is none.
    """

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[], AsyncEngine]) -> None:
        # Not SQLAlchemy's, which wants the engine now.
        self._find = find

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    @property
    def sync_engine(self) -> Engine:  # type: ignore[override]  # nobody sets it
        """The engine that is there now, in SQLAlchemy's form without ``await``."""
        return self._find().sync_engine
