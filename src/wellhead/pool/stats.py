"""The figures of a pool: counted while it works, read as a snapshot."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from wellhead.pool.slots import Close

BOUNDS: tuple[float, ...] = tuple(1e-5 * 2 ** (step / 2) for step in range(56))
"""The upper bounds of the buckets in seconds, from 10 us to half an hour, each 1.41 x the last."""

BATCH = 200
"""Durations that are sorted into their buckets at a time."""

_MOST_ROUTES = 500


@dataclass(frozen=True, slots=True)
class Timing:
    """How long something took, from the start of the process to the snapshot.

    Attributes:
        count: How often it happened.
        total: The sum in seconds.
        longest: The longest in seconds.
        buckets: How many took up to each of ``BOUNDS``, and at the end longer than the last.
    """

    count: int = 0
    total: float = 0.0
    longest: float = 0.0
    buckets: tuple[int, ...] = ()

    @property
    def mean(self) -> float:
        """Seconds on average; 0 before anything was measured."""
        return self.total / self.count if self.count else 0.0

    @property
    def p50(self) -> float:
        """The median in seconds."""
        return self.percentile(50)

    @property
    def p95(self) -> float:
        """The 95th percentile in seconds."""
        return self.percentile(95)

    @property
    def p99(self) -> float:
        """The 99th percentile in seconds."""
        return self.percentile(99)

    def percentile(self, share: float) -> float:
        """A percentile in seconds, exact to a factor of 1.41.

        Args:
            share: From 0 to 100.
        """
        wanted, seen = self.count * share / 100, 0
        for bound, found in zip((*BOUNDS, self.longest), self.buckets, strict=False):
            seen += found
            if found and seen >= wanted:
                return min(bound, self.longest)
        return self.longest


@dataclass(frozen=True, slots=True)
class PoolStats:
    """A snapshot of the pool; taking it costs microseconds and never waits.

    Current figures come first, then counters and times since the pool was created.

    Attributes:
        mode: ``pool`` keeps connections, ``none`` opens one for each use, ``static`` has one.
        reason: Why this mode was chosen, in one sentence.
        pool_size: Connections kept open, 0 in mode ``none``.
        max_overflow: Connections allowed beyond ``pool_size``; None for no limit.
        checked_in: Idle connections.
        checked_out: Connections in use.
        overflow: Connections open beyond ``pool_size``.
        waiting: Callers waiting for a connection.
        opening: Connections being opened.
        closing: Connections being closed; they still count towards the limit.
        max_waiting: Callers that may queue while every connection is in use; None for no limit.
        is_full: Whether the next caller is refused: every connection is in use, and the queue is
            full.
        acquired: How often a connection was handed out.
        timeouts: How often a caller timed out waiting.
        saturated: How often a caller was refused because the queue was full.
        opened: Connections that were opened.
        failed_connects: Attempts to open one that failed.
        closed: Connections that the pool closed, by reason: ``lifetime``, ``idle``, ``server``,
            ``check``, ``invalidated``, ``overflow``, ``detached``, ``disposed``, and ``unclean``:
            in a transaction, with an operation in progress, or impossible to reset.
        wait: How long callers waited for a connection.
        hold: How long connections were held.
        connect: How long opening a connection took.
        routes: How long each route of the web application held connections.
    """

    mode: Literal["pool", "none", "static"]
    reason: str
    pool_size: int
    max_overflow: int | None
    checked_in: int
    checked_out: int
    overflow: int
    waiting: int = 0
    opening: int = 0
    closing: int = 0
    max_waiting: int | None = None
    is_full: bool = False
    acquired: int = 0
    timeouts: int = 0
    saturated: int = 0
    opened: int = 0
    failed_connects: int = 0
    closed: Mapping[str, int] = field(default_factory=dict)
    wait: Timing = field(default_factory=Timing)
    hold: Timing = field(default_factory=Timing)
    connect: Timing = field(default_factory=Timing)
    routes: Mapping[str, Timing] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Connections open now."""
        return self.checked_in + self.checked_out

    @property
    def active(self) -> int:
        """Connections in use; the same as ``checked_out``."""
        return self.checked_out

    @property
    def idle(self) -> int:
        """Idle connections; the same as ``checked_in``."""
        return self.checked_in

    @property
    def utilization(self) -> float:
        """Connections in use as a percentage of ``pool_size``; 0 if there is no pool."""
        return self.checked_out / self.pool_size * 100 if self.pool_size else 0.0


class Stopwatch:
    """Collects durations, and sorts them into buckets by the hundred, which is far cheaper.

    Attributes:
        fresh: Durations not sorted in yet. Code that appends to it calls ``sort_in`` once it is as
            long as ``BATCH``.
    """

    __slots__ = ("_buckets", "_count", "_longest", "_total", "fresh")

    def __init__(self) -> None:
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._count = 0
        self._total = 0.0
        self._longest = 0.0
        self.fresh: list[float] = []

    @property
    def count(self) -> int:
        """The number of durations collected."""
        return self._count + len(self.fresh)

    def add(self, seconds: float) -> None:
        """Add one duration."""
        self.fresh.append(seconds)
        if len(self.fresh) >= BATCH:
            self.sort_in()

    def read(self, *, at_once: int = 0) -> Timing:
        """What was collected so far, plus a number that took too little time to measure."""
        self.sort_in()
        first, *others = self._buckets
        count = self._count + at_once
        return Timing(count, self._total, self._longest, (first + at_once, *others))

    def sort_in(self) -> None:
        """Sort fresh durations into their buckets."""
        fresh = self.fresh
        if not fresh:
            return
        fresh.sort()
        self._count += len(fresh)
        self._total += sum(fresh)
        self._longest = max(self._longest, fresh[-1])
        below = 0
        for bucket, bound in enumerate((*BOUNDS, math.inf)):
            upto = bisect_right(fresh, bound)
            self._buckets[bucket] += upto - below
            below = upto
            if below == len(fresh):
                break
        fresh.clear()


class Tally:
    """Counts what happens in one pool."""

    __slots__ = (
        "closed", "connect", "failed_connects", "hold", "opened", "routes",
        "saturated", "timeouts", "waited", "waits",
    )  # fmt: skip

    def __init__(self) -> None:
        self.waited = 0
        self.timeouts = 0
        self.saturated = 0
        self.opened = 0
        self.failed_connects = 0
        self.closed: Counter[Close] = Counter()
        self.waits = Stopwatch()
        self.hold = Stopwatch()
        self.connect = Stopwatch()
        self.routes: dict[str, Stopwatch] = {}

    def acquired(self, held: int) -> int:
        """How often a connection was handed out.

        All have been returned except those held now, so nothing is counted when one is handed out.
        """
        return self.hold.count + held

    def after_wait(self, seconds: float) -> None:
        """Count that a caller got a connection after a wait."""
        self.waited += 1
        self.waits.add(seconds)

    def wait(self, held: int) -> Timing:
        """How long callers waited, including those that did not wait or got nothing."""
        at_once = self.acquired(held) - self.waited
        return self.waits.read(at_once=at_once)

    def held(self, seconds: float, route: str | None) -> None:
        """Count that a connection was returned."""
        # Like ``add``, without the call: under FastAPI each request gets here.
        self.hold.fresh.append(seconds)
        if len(self.hold.fresh) >= BATCH:
            self.hold.sort_in()
        if route is None:
            return
        watch = self.routes.get(route)
        if watch is None:
            # Routes are templates, so there are few; names chosen by a caller must not fill memory.
            if len(self.routes) >= _MOST_ROUTES:
                return
            watch = self.routes[route] = Stopwatch()
        watch.add(seconds)

    def closed_by_reason(self) -> Mapping[str, int]:
        """Connections that were closed, with every reason listed."""
        return MappingProxyType({reason.value: self.closed[reason] for reason in Close})

    def held_by_route(self) -> Mapping[str, Timing]:
        """How long each route held connections."""
        return MappingProxyType({route: watch.read() for route, watch in self.routes.items()})
