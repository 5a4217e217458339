"""Whether the database answers, learnt from real traffic wherever there is some.

A probe that queries keeps a database awake that would sleep, and a probe that queues in the
application's own pool fails when the pool is merely busy. So traffic is the evidence; only
without any is the database asked, on a connection of its own, with a deadline of its own, once
for all who ask at the same time, and never where the question would wake it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Self

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from wellhead.errors import ConnectError, Fault, classify

FRESH_FOR = 10.0
"""Seconds for which an observation stands before the database is asked again."""

Ask = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What is known of the database.

    Attributes:
        is_healthy: Whether requests that need the database can be expected to work.
        state: ``connected``; ``idle``, when nothing was heard lately from a database that
            sleeps when it is left alone, and asking would wake it; or ``unavailable``.
        fault: What is wrong, where something is.
        evidence: Where this is known from.
        age: Seconds since it was observed, or None before anything was.
    """

    is_healthy: bool
    state: Literal["connected", "idle", "unavailable"]
    fault: Fault | None
    evidence: Literal["traffic", "probe", "none"]
    age: float | None

    @classmethod
    def not_open(cls) -> Self:
        """The report of a database that is not open."""
        return cls(False, "unavailable", Fault.NOT_OPEN, "none", None)


@dataclass(frozen=True, slots=True)
class _Observation:
    at: float
    fault: Fault | None
    evidence: Literal["traffic", "probe"]


class Health:
    """Gathers evidence and answers probes.

    Args:
        ask: Opens a connection, asks for a sign of life and closes it; raises when there is none.
        may_sleep: Whether the database goes to sleep when nobody asks it anything.
    """

    def __init__(self, ask: Ask, *, may_sleep: bool) -> None:
        self._ask = ask
        self._may_sleep = may_sleep
        self._last: _Observation | None = None
        self._asking: asyncio.Task[None] | None = None

    def watch(self, engine: AsyncEngine) -> None:
        """Take every statement of this engine as evidence; costs no query."""

        @event.listens_for(engine.sync_engine, "after_cursor_execute")
        def succeeded(*_: object) -> None:
            self._last = _Observation(time.monotonic(), None, "traffic")

        @event.listens_for(engine.sync_engine, "handle_error")
        def failed(context: ExceptionContext) -> None:
            if context.is_disconnect:
                self.record_failure(Fault.CONNECTION_LOST)

    def record_failure(self, fault: Fault) -> None:
        """Note that real traffic met this fault."""
        self._last = _Observation(time.monotonic(), fault, "traffic")

    def record_success(self) -> None:
        """Note that a connection was made."""
        self._last = _Observation(time.monotonic(), None, "traffic")

    async def report(self) -> HealthReport:
        """Say what is known; waits only when the database has to be asked."""
        if self._is_stale() and not self._must_not_wake():
            await self._probe_once()
        return self._describe()

    def _is_stale(self) -> bool:
        return self._last is None or time.monotonic() - self._last.at > FRESH_FOR

    def _must_not_wake(self) -> bool:
        return self._may_sleep and (self._last is None or self._last.fault is None)

    async def _probe_once(self) -> None:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._probe())
        await asyncio.shield(self._asking)

    async def _probe(self) -> None:
        fault: Fault | None = None
        try:
            await self._ask()
        except ConnectError as error:
            fault = classify(error).fault
        self._last = _Observation(time.monotonic(), fault, "probe")

    def _describe(self) -> HealthReport:
        if self._last is None:
            return HealthReport(True, "idle", None, "none", None)
        last, age = self._last, time.monotonic() - self._last.at
        if last.fault is not None:
            return HealthReport(False, "unavailable", last.fault, last.evidence, age)
        state: Literal["connected", "idle"] = "idle" if self._is_stale() else "connected"
        return HealthReport(True, state, None, last.evidence, age)
