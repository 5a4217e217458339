"""How long something took, often: counts in buckets, from which percentiles are read."""

import math
from bisect import bisect_right
from dataclasses import dataclass

BOUNDS: tuple[float, ...] = tuple(1e-5 * 2 ** (step / 2) for step in range(56))
"""The upper bounds of the buckets in seconds, from 10 us to half an hour, each 1.41 x the last."""

BATCH = 200
"""Durations that are sorted into their buckets at a time."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long something took, from the start of the process to the snapshot.

    Attributes:
        count: How often it happened.
        total: Seconds altogether.
        longest: Seconds of the longest.
        buckets: How often it took up to each of ``BOUNDS``, and at the end longer than the last.
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
        """Seconds within which half of them were done."""
        return self.percentile(50)

    @property
    def p95(self) -> float:
        """Seconds within which 95 % of them were done."""
        return self.percentile(95)

    @property
    def p99(self) -> float:
        """Seconds within which 99 % of them were done."""
        return self.percentile(99)

    def percentile(self, share: float) -> float:
        """Seconds within which so many percent were done, exact to a factor of 1.41.

        Args:
            share: From 0 to 100.
        """
        wanted, seen = self.count * share / 100, 0
        for bound, found in zip((*BOUNDS, self.longest), self.buckets, strict=False):
            seen += found
            if found and seen >= wanted:
                return min(bound, self.longest)
        return self.longest


class Stopwatch:
    """Collects durations, and sorts them into buckets by the hundred: that is cheaper by far.

    Attributes:
        fresh: What is not sorted in yet. Who adds to it directly calls ``sort_in`` when it has
            become as long as ``BATCH``.
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
        """How many durations were collected."""
        return self._count + len(self.fresh)

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.fresh.append(seconds)
        if len(self.fresh) >= BATCH:
            self.sort_in()

    def read(self, *, at_once: int = 0) -> Timing:
        """What was collected so far, and so many more that took no time worth measuring."""
        self.sort_in()
        first, *others = self._buckets
        count = self._count + at_once
        return Timing(count, self._total, self._longest, (first + at_once, *others))

    def sort_in(self) -> None:
        """Put what is fresh into its buckets."""
        fresh = self.fresh
        if not fresh:
            return
        fresh.sort()
        self._count += len(fresh)
        self._total += sum(fresh)
        self._longest = max(self._longest, fresh[-1])
        below = 0
        for place, bound in enumerate((*BOUNDS, math.inf)):
            upto = bisect_right(fresh, bound)
            self._buckets[place] += upto - below
            below = upto
            if below == len(fresh):
                break
        fresh.clear()
