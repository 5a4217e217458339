"""Queries that are compiled once and sent past SQLAlchemy's work for each call.

Begin with ``building``: it says what can be compiled. ``query`` is what the application holds,
``statement`` what becomes of it for one dialect; ``binding`` and ``shapes`` have what goes in and
comes out. ``runner`` decides how a statement is run: past SQLAlchemy, which ``driver`` and ``wire``
do, or through one of its connections, in ``ordinary``.
"""

from wellhead.sessions.queries.building import compiled
from wellhead.sessions.queries.query import Query

__all__ = ["Query", "compiled"]
