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
        low: The least.
        high: The largest.
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
        return cls(statistics.median(held), held[0], held[-1], len(held)) if held else None

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
