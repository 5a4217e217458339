"""Reading, writing and committing, and the truth about what became of it.

Begin with ``reader`` for reads and ``unit_of_work`` for work that is run again where that is safe.
``queries`` compiles statements once. ``commits`` knows what became of each COMMIT, ``deadline``
ends work that is not waited for any more, ``exclusive`` keeps a session to one task, and
``run_stats`` counts.
"""

from wellhead.sessions.exclusive import ExclusiveSession
from wellhead.sessions.queries import Query, compiled
from wellhead.sessions.reader import Reader
from wellhead.sessions.run_stats import RunStats

__all__ = ["ExclusiveSession", "Query", "Reader", "RunStats", "compiled"]
