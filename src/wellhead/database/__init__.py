"""The one object that an application holds, and its state while it is open.

Begin with ``database``: :class:`Database` opens, hands out sessions and readers, runs units of
work, and closes. ``live`` is its state while it is open; ``opening`` keeps trying in the background
to open a database that is not available yet.
"""

from wellhead.database.database import Database

__all__ = ["Database"]
