"""Reading, writing and committing, and the truth about what became of it.

Begin with ``reader`` for reads and ``unit_of_work`` for work that is run again where that is safe.
``commits`` watches COMMITs and names those without an answer, ``outcome`` asks the server what
became of one, ``deadline`` ends work that nobody waits for, and ``run_stats`` counts all of it.
"""

from wellhead.sessions.outcome import Outcome
from wellhead.sessions.reader import Reader
from wellhead.sessions.run_stats import RunStats

__all__ = ["Outcome", "Reader", "RunStats"]
