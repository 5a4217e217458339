"""How much of a processor processes have used, in the user's mode and in the system's."""

import os
from contextlib import suppress
from pathlib import Path

from bench.faults.server import children

_TICKS = os.sysconf("SC_CLK_TCK")
_CHILDREN_USER, _CHILDREN_SYSTEM = 13, 14
"""Places in /proc/PID/stat, after the name."""


def used(pid: int) -> float:
    """Seconds that a process, and those that it has started, have used so far.

    Those that run count by the nanosecond, those that have ended by the tick: 10 ms as a rule.
    """
    return sum(map(_by_threads, [pid, *children(pid)])) + _by_ended_children(pid)


def _by_threads(pid: int) -> float:
    nanoseconds = 0
    for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):
            nanoseconds += int(thread.read_text().split()[0])
    return nanoseconds / 1e9


def _by_ended_children(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_CHILDREN_USER]) + int(fields[_CHILDREN_SYSTEM])) / _TICKS
