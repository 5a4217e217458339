"""How long statements take, by their shape, while they are looked at."""

from dataclasses import dataclass
from typing import Any

from wellhead.pool.observing import Observer
from wellhead.sessions.statements import digest_of
from wellhead.telemetry.literals import shape_of

MOST_SHAPES = 500
"""Shapes that are kept; beyond that, those with the least time in all are forgotten."""

MOST_TOLD = 50
"""Shapes that a process tells, those with the most time in all."""

MOST_TEXTS = 2000
"""Texts of which the shape is remembered, so that it is made out once."""

LONGEST_TEXT = 20_000
"""Characters of the longest statement that is kept for its plan."""


@dataclass(slots=True)
class ShapeTimes:
    """The statements of one shape.

    Attributes:
        shape: Their common text, without values.
        text: One of them as it was sent; empty if it is too long.
        count: How often one was run.
        seconds: What they took in all.
        slowest: What the slowest took, in seconds.
    """

    shape: str
    text: str
    count: int = 0
    seconds: float = 0.0
    slowest: float = 0.0


class StatementTimes(Observer):
    """Adds up the statements of one database by their shape."""

    def __init__(self) -> None:
        self._by_text: dict[str, ShapeTimes] = {}
        self._by_shape: dict[str, ShapeTimes] = {}

    def ran(
        self, statement: str, shape: str | None, seconds: float, error: BaseException | None
    ) -> None:
        """A statement was run, or failed."""
        del error
        known = self._by_text.get(shape or statement)
        if known is None:
            known = self._note(shape or statement, statement)
        known.count += 1
        known.seconds += seconds
        known.slowest = max(known.slowest, seconds)

    def tell(self) -> dict[str, dict[str, Any]]:
        """The shapes with the most time in all, by their digest."""
        ordered = sorted(self._by_shape.values(), key=lambda each: -each.seconds)
        return {
            digest_of(each.shape): {
                "shape": each.shape,
                "count": each.count,
                "seconds": each.seconds,
                "slowest": each.slowest,
            }
            for each in ordered[:MOST_TOLD]
        }

    def text_of(self, digest: str) -> str | None:
        """A statement of this shape, as it was sent; None if there is none."""
        for each in self._by_shape.values():
            if digest_of(each.shape) == digest:
                return each.text or None
        return None

    def _note(self, key: str, statement: str) -> ShapeTimes:
        if len(self._by_text) >= MOST_TEXTS:
            self._by_text.clear()
        if len(self._by_shape) >= MOST_SHAPES:
            self._forget_half()
        shape = shape_of(key)
        known = self._by_shape.get(shape)
        if known is None:
            text = statement if len(statement) <= LONGEST_TEXT else ""
            known = self._by_shape[shape] = ShapeTimes(shape, text)
        self._by_text[key] = known
        return known

    def _forget_half(self) -> None:
        kept = sorted(self._by_shape.values(), key=lambda each: -each.seconds)[: MOST_SHAPES // 2]
        self._by_shape = {each.shape: each for each in kept}
        self._by_text.clear()
