"""Ratios within rounds, and how far they spread."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from bench.speed.play import Slot


@dataclass(frozen=True, slots=True)
class Spread:
    """Some values of one thing.

    Attributes:
        median: The middle one.
        low: A quarter of them is below.
        high: A quarter of them is above.
        count: How many.
    """

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Self | None:
        """The spread of values; None where there is none."""
        held = sorted(values)
        if not held:
            return None
        # A machine that others use has a very bad moment now and then.
        low, median, high = (
            statistics.quantiles(held, method="inclusive") if len(held) > 1 else held * 3
        )
        return cls(median, low, high, len(held))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(slots: Iterable[Slot], base: Iterable[Slot], metric: str) -> Spread | None:
    """A metric of a peer by that of another, in each round in which both have a slot.

    A change between two rounds, such as a machine that became slower, is in no ratio.
    """
    by_round = {slot.round: getattr(slot, metric) for slot in base}
    return Spread.of(
        getattr(slot, metric) / by_round[slot.round] for slot in slots if by_round.get(slot.round)
    )
