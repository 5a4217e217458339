"""An engine that is available before it is built, for tools that need one at import time."""

from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine


class LateEngine(AsyncEngine):
    """SQLAlchemy's ``AsyncEngine``, which looks up the real engine at each use.

    Args:
        find: Returns the current engine, or raises if there is none.
    """

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[], AsyncEngine]) -> None:
        # Not SQLAlchemy's constructor, which needs the engine now.
        self._find = find

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    @property
    def sync_engine(self) -> Engine:  # type: ignore[override]  # it is never set
        """The current engine, in SQLAlchemy's synchronous form."""
        return self._find().sync_engine
