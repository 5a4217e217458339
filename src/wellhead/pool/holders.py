"""The holders of connections: recorded cheaply, named in messages, and warned about when slow."""

import asyncio
import importlib
import linecache
import logging
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from pathlib import Path
from time import monotonic
from types import CodeType, FrameType
from typing import Any, Generic, TypeVar

from wellhead.errors.recognition import fault_of
from wellhead.pool.owner import later
from wellhead.pool.slots import Slot, Stack

C = TypeVar("C")

logger = logging.getLogger(__package__)

# It has no type stubs.
getcurrent: Callable[[], Any] = importlib.import_module("greenlet").getcurrent
"""The current greenlet; SQLAlchemy starts one for each of its calls."""

# Above the application's line are up to eight of Wellhead's.
_DEPTH = 12
_NAMED = 3

# Code between the application and the pool, which does not help to find a place: Wellhead's,
# Python's, and that of the libraries below both.
_OURS = re.compile(
    rf"{re.escape(str(Path(__file__).parents[1]))}|<"
    rf"|{re.escape(str(Path(asyncio.__file__).parents[1]))}/(?!(site|dist)-packages/)"
    r"|.*-packages.(sqlalchemy|sqlmodel|asyncpg|psycopg|fastapi|starlette)\b"
)

# The route.

current_route: ContextVar[str | None] = ContextVar("wellhead_route", default=None)
"""The route that the running task serves, such as ``GET /tasks/{id}``."""

get_route = current_route.get
"""The route being served, if any; bound here to save a lookup for each use of a connection."""


@contextmanager
def serving(route: str) -> Iterator[None]:
    """Name the route for connections acquired in the block, in figures and warnings."""
    token = current_route.set(route)
    try:
        yield
    finally:
        current_route.reset(token)


# The callers.


def application_frame() -> FrameType | None:
    """The frame that is waiting for this greenlet; None outside one.

    Inside a greenlet the stack ends at SQLAlchemy's boundary; the application is beyond it.
    """
    parent = getcurrent().parent
    frame: FrameType | None = None if parent is None else parent.gr_frame
    return frame


def stack_of(frame: FrameType | None) -> Stack:
    """Record a frame and its callers; reads no source, so it costs a microsecond or two."""
    found: list[tuple[CodeType, int]] = []
    while frame is not None and len(found) < _DEPTH:
        found.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(found)


def stack_here() -> Stack:
    """Record the callers of the calling function."""
    # A function with its own frame in a variable leaves it, and its callers', to the collector.
    return stack_of(sys._getframe(1))  # noqa: SLF001 - as inspect does it


def frames_here() -> Iterator[FrameType]:
    """The callers of the calling function, nearest first, also beyond a greenlet."""
    for first in (sys._getframe(1), application_frame()):  # noqa: SLF001 - as above
        frame: FrameType | None = first
        while frame is not None:
            yield frame
            frame = frame.f_back


def describe(stack: Stack) -> str:
    """The stack in the format of a traceback, the nearest caller last."""
    return "".join(
        f'\n  File "{code.co_filename}", line {_line(code, at)}, in {code.co_name}'
        + _source(code, at)
        for code, at in reversed(_theirs(stack))
    )


def nearest(stack: Stack) -> str | None:
    """The nearest caller outside the libraries, in a few words."""
    theirs = _theirs(stack)
    if not theirs:
        return None
    return _name(*theirs[0])


def place_of(frames: Iterable[FrameType]) -> str | None:
    """The first of these frames that is the application's, in a few words."""
    theirs = (frame for frame in frames if _is_theirs(frame.f_code))
    return next((_name(frame.f_code, frame.f_lasti) for frame in theirs), None)


def place_of_failure(error: BaseException) -> str | None:
    """The innermost application line that an exception passed through, in a few words."""
    stack, at = [], error.__traceback__
    while at is not None:
        stack.append((at.tb_frame.f_code, at.tb_lasti))
        at = at.tb_next
    return next((_name(*each) for each in reversed(stack) if _is_theirs(each[0])), None)


def _theirs(stack: Stack) -> list[tuple[CodeType, int]]:
    return [(code, at) for code, at in stack if _is_theirs(code)] or list(stack)


def _is_theirs(code: CodeType) -> bool:
    return _OURS.match(code.co_filename) is None


def _name(code: CodeType, at: int) -> str:
    return f"{code.co_name} ({code.co_filename.rpartition('/')[2]}:{_line(code, at)})"


def _line(code: CodeType, at: int) -> int:
    lines = (line for start, end, line in code.co_lines() if start <= at < end and line)
    return next(lines, code.co_firstlineno)


def _source(code: CodeType, at: int) -> str:
    text = linecache.getline(code.co_filename, _line(code, at)).strip()
    return f"\n    {text}" if text else ""


# The warnings.


def say(slots: Collection[Slot[C]], now: float) -> str:
    """A sentence about the longest holders of connections; empty if there are none."""
    held = sorted((slot for slot in slots if slot.held_since), key=lambda slot: slot.held_since)
    if not held:
        return ""
    longest = "; ".join(
        f"{now - slot.held_since:.1f} s by {_holder(slot)}" for slot in held[:_NAMED]
    )
    return f" Held longest: {longest}."


def _holder(slot: Slot[C]) -> str:
    return " in ".join(part for part in (slot.route, nearest(slot.stack)) if part) or "unknown code"


def warn_unclean(name: str, route: str | None) -> None:
    """Warn about a connection that was returned with an operation still in progress."""
    logger.warning(
        "pool %r: a connection was returned in a transaction, or with an operation in progress, "
        "from %s; it was closed",
        name,
        route or "no route",
        extra={"event": "connection_unclean", "pool": name, "route": route},
    )


def warn_stayed(name: str, slots: Collection[Slot[C]], waiting: int, grace: float) -> None:
    """Warn about callers that still held or awaited connections when closing went ahead."""
    held = sum(slot.held_since > 0.0 for slot in slots)
    logger.warning(
        "pool %r: %d connections were still in use, and %d callers were waiting, %g s after "
        "closing began; connections are closed when they are returned.%s",
        name,
        held,
        waiting,
        grace,
        say(slots, monotonic()),
        extra={"event": "pool_close_timeout", "pool": name, "in_use": held, "waiting": waiting},
    )


def say_refused(name: str, error: BaseException) -> None:
    """Warn about a connection for ``min_idle`` that cannot be made, as no caller sees the error."""
    logger.warning(
        "pool %r: a connection for min_idle cannot be made (%s); the next attempt is made when a "
        "caller needs one",
        name,
        fault_of(error),
        extra={"event": "pool_refused", "pool": name, "fault": str(fault_of(error))},
    )
    if isinstance(error, SystemExit | KeyboardInterrupt):
        raise error


class Holders(Generic[C]):
    """Warns once about each connection that is held for too long; one timer serves them all.

    Args:
        name: The pool's name.
        threshold: Seconds from which on it is too long; None for never.
    """

    __slots__ = ("__weakref__", "_name", "_slots", "_threshold", "_timer", "is_watching")

    def __init__(self, name: str, threshold: float | None) -> None:
        self._name = name
        self._threshold = threshold
        self._timer: asyncio.TimerHandle | None = None
        # Also if there is nothing to watch for.
        self.is_watching = threshold is None
        self._slots: Collection[Slot[C]] = ()

    def watch(self, slots: Collection[Slot[C]]) -> None:
        """Make sure that the holders among these are checked in time."""
        if self._threshold is None:
            return
        self._slots = slots
        self.is_watching = True
        self._timer = later(self._threshold, self._look)

    def stop(self) -> None:
        """Stop checking until a connection is acquired again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self.is_watching = False

    def came_back(self, slot: Slot[C], now: float) -> None:
        """Log the return of a connection that had been warned about."""
        slot.is_named = False
        seconds = now - slot.held_since
        logger.warning(
            "pool %r: a connection was returned after %.1f s, held by %s",
            self._name,
            seconds,
            _holder(slot),
            extra={"event": "connection_came_back", **self._fields(slot, seconds)},
        )

    def _look(self) -> None:
        self._timer = None
        threshold, now = self._threshold or 0.0, monotonic()
        watched = [slot for slot in self._slots if slot.held_since and not slot.is_named]
        # uvloop counts in milliseconds, so its timers may fire early.
        late = [slot for slot in watched if now - slot.held_since >= threshold - 0.002]
        for slot in late:
            # The log must show the holder's request, not that of the caller that set the timer.
            (slot.context or Context()).run(self._warn, slot, now - slot.held_since)
        others = [slot.held_since for slot in watched if not slot.is_named]
        self.is_watching = bool(others)
        if others:
            self._timer = later(min(others) + threshold - now, self._look)

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
            extra={"event": "connection_leak", **self._fields(slot, seconds)},
        )

    def _fields(self, slot: Slot[C], seconds: float) -> dict[str, object]:
        return {"pool": self._name, "seconds": round(seconds, 3), "route": slot.route}
