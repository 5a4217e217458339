"""Queries that are compiled once and skip SQLAlchemy's work on each call.

Begin with ``building``: it says what can be compiled. ``query`` has the object that the application
holds, ``statement`` its form for one dialect; ``binding`` and ``shapes`` handle the input and the
output. ``runner`` decides how a statement is run: without SQLAlchemy, by ``driver`` and ``wire``,
or through one of its connections, by ``ordinary``.
"""

from wellhead.sessions.queries.building import compiled
from wellhead.sessions.queries.query import Query

__all__ = ["Query", "compiled"]
