"""What became of the units of work of one database."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wellhead.errors import Fault


@dataclass(frozen=True, slots=True)
class RunStats:
    """A snapshot of what ``db.run()`` and the COMMITs of one process came to.

    Every figure counts from the making of the :class:`wellhead.Database`.

    Attributes:
        units: Units of work begun, each counted once however often it ran.
        retried: How often one was run again, by the fault that made it necessary.
        unknown: COMMITs after which nobody could tell whether they took effect, of every
            session; those that were found out later are in it.
        resolved_committed: Those of ``unknown`` that turned out to have taken effect.
        resolved_aborted: Those of ``unknown`` that turned out not to have taken effect.
    """

    units: int
    retried: Mapping[Fault, int]
    unknown: int
    resolved_committed: int
    resolved_aborted: int


class RunCounter:
    """Counts for :class:`RunStats`."""

    def __init__(self) -> None:
        self.units = 0
        self.unknown = 0
        self.resolved_committed = 0
        self.resolved_aborted = 0
        self._retried: Counter[Fault] = Counter()

    def count_retry(self, fault: Fault) -> None:
        """A unit of work is run again."""
        self._retried[fault] += 1

    def count_unknown(self) -> None:
        """Nobody knows whether a COMMIT took effect."""
        self.unknown += 1

    def snapshot(self) -> RunStats:
        """The figures of the moment."""
        return RunStats(
            units=self.units,
            retried=MappingProxyType(dict(self._retried)),
            unknown=self.unknown,
            resolved_committed=self.resolved_committed,
            resolved_aborted=self.resolved_aborted,
        )
