"""What is varied: one factor at a time, from one base point."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

BOTH = ("read", "write")


@dataclass(frozen=True, slots=True)
class Setting:
    """The conditions of some slots.

    Attributes:
        connections: Clients that ask at the same time.
        link: Milliseconds that a round trip to the database takes longer than on this machine.
        pooler: Whether a PgBouncer is on the way.
        workers: Processes of each server. With more than one they are on all cores, and only
            their CPU time is worth reading.
        rows: Of the table.
        operations: Which are played.
    """

    connections: int = 32
    link: int = 0
    pooler: bool = False
    workers: int = 1
    rows: int = 1000
    operations: Sequence[str] = BOTH

    @property
    def name(self) -> str:
        """How results call it: what differs from the base point."""
        told = []
        if self.link:
            told.append(f"link={self.link}")
        elif self.connections != BASE.connections:
            told.append(f"connections={self.connections}")
        if self.pooler:
            told.append("pooler")
        if self.workers != BASE.workers:
            told.append(f"workers={self.workers}")
        if self.rows != BASE.rows:
            told.append(f"rows={self.rows}")
        return " ".join(told) or "base"

    @property
    def stage(self) -> "Setting":
        """What servers must be started for; all settings of a stage are played on the same."""
        return replace(self, connections=1, link=int(self.link > 0), operations=())


BASE = Setting()

LINKS, CONNECTIONS, ROWS = (1, 5, 20), (1, 32, 256), (1000, 10_000, 100_000, 1_000_000)
# Where many wait for few connections, a long link measures the queue: it is played with one client.
FULL = (
    *(Setting(connections=each) for each in CONNECTIONS),
    *(Setting(connections=1, link=each) for each in LINKS),
    Setting(workers=2),
    *(Setting(rows=each, operations=("read",)) for each in ROWS[1:]),
    Setting(pooler=True),
)
QUICK = (BASE, Setting(connections=1, link=5))


def stages(settings: Sequence[Setting]) -> list[tuple[Setting, list[Setting]]]:
    """Settings by what must be started for them."""
    return [(stage, list(group)) for stage, group in groupby(settings, lambda each: each.stage)]
