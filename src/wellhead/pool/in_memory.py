"""An in-memory SQLite database that outlives each of its connections."""

import itertools
import weakref

_numbers = itertools.count(1)


class InMemory:
    """Keeps a database in memory, from :meth:`keep` until this object is no longer referenced.

    SQLite drops such a database when its last connection is closed, so one idle connection
    is kept. https://www.sqlite.org/inmemorydb.html

    Args:
        name: By which connections of this process reach it; None for one that nothing else has.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name or f"wellhead-{next(_numbers)}"
        self._is_kept = False

    def keep(self) -> None:
        """Keep the database from now on; does nothing if it is kept already."""
        if self._is_kept:
            return
        import sqlite3  # noqa: PLC0415 - a Python may lack it

        place = f"file:{self.name}?mode=memory&cache=shared"
        anchor = sqlite3.connect(place, uri=True, check_same_thread=False)
        # From Python 3.13 on a connection that is only dropped warns of that.
        weakref.finalize(self, anchor.close)
        self._is_kept = True
