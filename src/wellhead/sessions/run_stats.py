"""The outcomes of the units of work of one database."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from wellhead.errors import Fault
from wellhead.errors.recognition import fault_of


@dataclass(frozen=True, slots=True)
class RunStats:
    """A snapshot of the outcomes of units of work, COMMITs and readers.

    Every figure counts from the creation of the :class:`wellhead.Database`.

    Attributes:
        units: Units of work started, each counted once however often it ran.
        retried: How often one was run again, by the fault that made it necessary.
        reads_repeated: How often a reader's statement was sent again, by fault.
        unknown: COMMITs that were sent and got no reply, of all sessions.
        fallbacks: Readers and compiled queries that the primary served, although there are
            replicas.
        failed: Statements, COMMITs and attempts to connect that failed, by fault.
    """

    units: int
    retried: Mapping[Fault, int]
    reads_repeated: Mapping[Fault, int]
    unknown: int
    fallbacks: int
    failed: Mapping[Fault, int]


class RunCounter:
    """Counts for :class:`RunStats`."""

    def __init__(self) -> None:
        self.units = 0
        self._retried: Counter[Fault] = Counter()
        self._reads_repeated: Counter[Fault] = Counter()
        self._unknown = 0
        self._fallbacks = 0
        self._failed: Counter[Fault] = Counter()

    def count_retry(self, fault: Fault) -> None:
        """A unit of work is run again."""
        self._retried[fault] += 1

    def count_repeated_read(self, fault: Fault) -> None:
        """A reader's statement is sent again."""
        self._reads_repeated[fault] += 1

    def count_unknown(self) -> None:
        """A COMMIT was sent and got no reply."""
        self._unknown += 1

    def count_failure(self, fault: Fault) -> None:
        """A statement, a COMMIT or an attempt to connect failed."""
        self._failed[fault] += 1

    def count_fallback(self) -> None:
        """A read goes to the primary, although there are replicas."""
        self._fallbacks += 1

    def snapshot(self) -> RunStats:
        """The current figures."""
        return RunStats(
            units=self.units,
            retried=MappingProxyType(dict(self._retried)),
            reads_repeated=MappingProxyType(dict(self._reads_repeated)),
            unknown=self._unknown,
            fallbacks=self._fallbacks,
            failed=MappingProxyType(dict(self._failed)),
        )


def count_failures(engine: AsyncEngine, runs: RunCounter) -> None:
    """Count every failed statement and COMMIT of this engine, also of compiled queries."""

    @event.listens_for(engine.sync_engine, "handle_error")
    def failed(context: ExceptionContext) -> None:
        # SQLAlchemy does not set it until a listener has replaced the error.
        error = getattr(context, "chained_exception", None) or context.original_exception
        runs.count_failure(fault_of(error))
