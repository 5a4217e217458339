"""The one object that an application holds, and what exists while it is open.

Begin with ``database``: :class:`Database` opens, hands out sessions and readers, runs units of
work, and closes. ``live`` is what it keeps while it is open; ``opening`` tries in the background to
open a database that is not there yet.
"""

from wellhead.database.database import Database

__all__ = ["Database"]
