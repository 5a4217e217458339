"""Reading, writing and committing, with a definite account of the outcome.

Begin with ``reader`` for reads and ``unit_of_work`` for work that is run again where that is safe.
``queries`` compiles statements once. ``commits`` tracks the outcome of each COMMIT, ``deadline``
cancels work whose time is up, ``exclusive`` restricts a session to one task, and ``run_stats``
counts.
"""

from wellhead.sessions.exclusive import ExclusiveSession
from wellhead.sessions.queries import Query, compiled
from wellhead.sessions.reader import Reader
from wellhead.sessions.run_stats import RunStats

__all__ = ["ExclusiveSession", "Query", "Reader", "RunStats", "compiled"]
