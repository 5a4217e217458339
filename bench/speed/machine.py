"""The machine during a slot: steal, CPU time, and which process runs on which core. Linux only."""

import os
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

STEAL_LIMIT, OTHERS_LIMIT = 0.06, 0.03
"""Shares of the machine's time from which a slot counts as dirty."""

_PROC = Path("/proc")
_KTHREADD = 2


@dataclass(frozen=True, slots=True)
class Process:
    """One process.

    Attributes:
        parent: The process that started it.
        seconds: CPU time of all its threads, those that have ended included.
    """

    parent: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Moment:
    """The accounts of the machine at one moment.

    Attributes:
        clock: Seconds of the monotonic clock.
        stolen: Jiffies that the hypervisor gave to others.
        total: All jiffies.
        processes: Every process of user space.
    """

    clock: float
    stolen: int
    total: int
    processes: dict[int, Process]

    @classmethod
    def now(cls) -> Self:
        """Read the accounts."""
        fields = (_PROC / "stat").read_text().splitlines()[0].split()[1:9]
        jiffies = [int(each) for each in fields]
        return cls(time.monotonic(), jiffies[7], sum(jiffies), _processes())

    def tree(self, roots: Collection[int]) -> set[int]:
        """Processes and all that came of them."""
        found = set(roots)
        grown = True
        while grown:
            more = {pid for pid, each in self.processes.items() if each.parent in found} - found
            found |= more
            grown = bool(more)
        return found


@dataclass(frozen=True, slots=True)
class Span:
    """The machine between two moments."""

    before: Moment
    after: Moment

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.after.clock - self.before.clock

    @property
    def steal(self) -> float:
        """The share of its time that the machine did not get."""
        return (self.after.stolen - self.before.stolen) / max(
            1, self.after.total - self.before.total
        )

    def cpu(self, roots: Collection[int]) -> float:
        """CPU seconds of processes and all that came of them."""
        return sum(map(self._used, self.after.tree(roots)))

    def others(self, roots: Collection[int]) -> float:
        """The share of the machine's time that went to processes that are not of these."""
        ours = self.after.tree(roots)
        used = sum(self._used(pid) for pid in self.after.processes if pid not in ours)
        return used / (self.seconds * (os.cpu_count() or 1))

    def _used(self, pid: int) -> float:
        if pid not in self.after.processes:
            return 0.0
        before = self.before.processes.get(pid)
        return max(0.0, self.after.processes[pid].seconds - (before.seconds if before else 0.0))


def cores() -> tuple[set[int], set[int]]:
    """The core of the server, and those of everything else."""
    allowed = sorted(os.sched_getaffinity(0))
    return ({allowed[0]}, set(allowed[1:])) if len(allowed) > 1 else (set(allowed), set(allowed))


def pin(pids: Iterable[int], to: set[int]) -> None:
    """Keep processes and their threads on some cores."""
    for pid in pids:
        for task in (_PROC / str(pid) / "task").iterdir():
            # A thread may have ended in the meantime.
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), to)


def _processes() -> dict[int, Process]:
    found: dict[int, Process] = {}
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        # It may have ended in the meantime.
        with suppress(OSError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            # The kernel's own threads carry the packets of this very benchmark.
            if _KTHREADD in {parent, int(entry.name)}:
                continue
            found[int(entry.name)] = Process(parent, time.clock_gettime(_clock_of(int(entry.name))))
    return found


def _clock_of(pid: int) -> int:
    # As clock_getcpuclockid(3) makes it; what is in /proc has hundredths of a second.
    return ~pid << 3 | 2
