"""Who holds connections: named in messages, and warned of when they hold one for too long."""

import asyncio
import logging
from collections.abc import Collection
from time import monotonic
from typing import Generic, TypeVar

from wellhead.pool.leaks import describe, place
from wellhead.pool.slot import Slot

C = TypeVar("C")

logger = logging.getLogger(__package__)

_NAMED = 3


def say(slots: Collection[Slot[C]], now: float) -> str:
    """A sentence on those who have held a connection longest; empty where nobody does."""
    held = sorted((slot for slot in slots if slot.held_since), key=lambda slot: slot.held_since)
    if not held:
        return ""
    longest = "; ".join(f"{now - slot.held_since:.1f} s by {_who(slot)}" for slot in held[:_NAMED])
    return f" Held longest: {longest}."


def _who(slot: Slot[C]) -> str:
    return " in ".join(part for part in (slot.route, place(slot.stack)) if part) or "someone"


class Holders(Generic[C]):
    """Warns once of each connection that is held for too long; one timer serves them all.

    Args:
        name: The pool's name.
        threshold: Seconds from which it is too long; None for never.
    """

    __slots__ = ("_name", "_slots", "_threshold", "_timer", "is_watching")

    def __init__(self, name: str, threshold: float | None) -> None:
        self._name = name
        self._threshold = threshold
        self._timer: asyncio.TimerHandle | None = None
        # Also where there is nothing to watch for.
        self.is_watching = threshold is None
        self._slots: Collection[Slot[C]] = ()

    def watch(self, slots: Collection[Slot[C]]) -> None:
        """See to it that the holders among these are looked at in time."""
        if self._threshold is None:
            return
        self._slots = slots
        self.is_watching = True
        self._timer = asyncio.get_running_loop().call_later(self._threshold, self._look)

    def stop(self) -> None:
        """Look no more, until somebody takes a connection again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self.is_watching = False

    def came_back(self, slot: Slot[C], now: float) -> None:
        """Say that a connection came back that was warned of."""
        slot.is_named = False
        seconds = now - slot.held_since
        logger.warning(
            "pool %r: a connection came back after %.1f s, held by %s",
            self._name,
            seconds,
            _who(slot),
            extra={
                "event": "connection_came_back",
                "pool": self._name,
                "seconds": round(seconds, 3),
                "route": slot.route,
            },
        )

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        threshold, now = self._threshold or 0.0, monotonic()
        watched = [slot for slot in self._slots if slot.held_since and not slot.is_named]
        # uvloop counts in milliseconds, so its timers may come early.
        late = [slot for slot in watched if now - slot.held_since >= threshold - 0.002]
        for slot in late:
            self._warn(slot, now - slot.held_since)
        others = [slot.held_since for slot in watched if not slot.is_named]
        self.is_watching = bool(others)
        if others:
            self._timer = loop.call_later(max(0.0, min(others) + threshold - now), self._look)

    def _warn(self, slot: Slot[C], seconds: float) -> None:
        slot.is_named = True
        logger.warning(
            "pool %r: a connection has been held for %.1f s (leak_threshold %g s) by %s; "
            "taken here:%s",
            self._name,
            seconds,
            self._threshold,
            slot.route or "no route",
            describe(slot.stack),
            extra={
                "event": "connection_leak",
                "pool": self._name,
                "seconds": round(seconds, 3),
                "route": slot.route,
            },
        )
