"""Whether the database answers, learnt from real traffic wherever there is some.

A probe that queries keeps a database awake that would sleep, and a probe that queues in the
application's own pool fails when the pool is merely busy. So traffic is the evidence; only
without any is the database asked, on a connection of its own, with a deadline of its own, once
for all who ask at the same time, and never where the question would wake it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal, Self

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from wellhead.errors import ConnectError, Fault, classify
from wellhead.schema import SchemaState

logger = logging.getLogger(__name__)

FRESH_FOR = 10.0
"""Seconds for which a success stands before the database is asked again."""

FAILED_FOR = 1.0
"""Seconds for which a failure to connect stands; short, for the database may be back."""

Ask = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What is known of the database.

    Attributes:
        is_healthy: Whether requests that need the database can be expected to work.
        state: ``connected``; ``idle``, when nothing was heard lately from a database that
            sleeps when it is left alone, and asking would wake it; ``unavailable``; or
            ``behind``, when it answers but its schema lacks migrations.
        fault: What is wrong, where something is.
        evidence: Where this is known from.
        age: Seconds since it was observed, or None before anything was.
        schema: Where its schema stands, where that is looked at and could be read.
    """

    is_healthy: bool
    state: Literal["connected", "idle", "unavailable", "behind"]
    fault: Fault | None
    evidence: Literal["traffic", "probe", "none"]
    age: float | None
    schema: SchemaState | None = None

    @classmethod
    def not_open(cls) -> Self:
        """The report of a database that is not open."""
        return cls(False, "unavailable", Fault.NOT_OPEN, "none", None)

    def with_schema(self, schema: SchemaState | None) -> Self:
        """The same report, with what the schema's state means for it."""
        if schema is None or schema.is_ready:
            return replace(self, schema=schema)
        return replace(self, is_healthy=False, state="behind", schema=schema)


@dataclass(frozen=True, slots=True)
class _Observation:
    at: float
    fault: Fault | None
    evidence: Literal["traffic", "probe"]

    @property
    def stands_for(self) -> float:
        if self.fault is None:
            return FRESH_FOR
        # That one connection was lost says little about the next one.
        return 0.0 if self.fault is Fault.CONNECTION_LOST else FAILED_FOR


class Health:
    """Gathers evidence and answers probes.

    Args:
        ask: Opens a connection, asks for a sign of life and closes it, all within a deadline;
            raises a :class:`wellhead.ConnectError` when there is none.
        may_sleep: Whether the database goes to sleep when nobody asks it anything.
        clock: Tells the time in seconds; only differences count.
    """

    def __init__(
        self, ask: Ask, *, may_sleep: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._may_sleep = may_sleep
        self._clock = clock
        self._last: _Observation | None = None
        self._asking: asyncio.Task[None] | None = None

    def watch(self, engine: AsyncEngine) -> None:
        """Take every statement of this engine as evidence; costs no query."""

        @event.listens_for(engine.sync_engine, "after_cursor_execute")
        def succeeded(*_: object) -> None:
            self.record_success()

        @event.listens_for(engine.sync_engine, "handle_error")
        def failed(context: ExceptionContext) -> None:
            if context.is_disconnect:
                self.record_failure(Fault.CONNECTION_LOST)

    def record_failure(self, fault: Fault) -> None:
        """Note that real traffic met this fault."""
        self._last = _Observation(self._clock(), fault, "traffic")

    def record_success(self) -> None:
        """Note that the database answered real traffic."""
        self._last = _Observation(self._clock(), None, "traffic")

    async def report(self) -> HealthReport:
        """Say what is known; waits only when the database has to be asked."""
        if self._is_stale() and not self._must_not_wake():
            asking = self._start_asking()
            # Neither does whoever stops waiting end the question for the others, nor does the end
            # of the question end the one who waits.
            await asyncio.wait({asking})
            if asking.cancelled():
                return HealthReport.not_open()
        return self._describe()

    async def close(self) -> None:
        """Give up a question that is under way; those who wait for it hear ``not_open``."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    def _is_stale(self) -> bool:
        return self._last is None or self._clock() - self._last.at >= self._last.stands_for

    def _must_not_wake(self) -> bool:
        return self._may_sleep and (self._last is None or self._last.fault is None)

    def _start_asking(self) -> asyncio.Task[None]:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._probe())
        return self._asking

    async def _probe(self) -> None:
        began, fault = self._clock(), None
        try:
            await self._ask()
        except ConnectError as error:
            fault = classify(error).fault
        except Exception:
            logger.exception("the database could not be asked", extra={"event": "probe_failed"})
            fault = Fault.UNKNOWN
        last = self._last
        if fault is not None and last is not None and last.fault is None and last.at >= began:
            return  # Meanwhile traffic was answered, and it is traffic that matters.
        self._last = _Observation(self._clock(), fault, "probe")

    def _describe(self) -> HealthReport:
        if self._last is None:
            return HealthReport(True, "idle", None, "none", None)
        last, age = self._last, self._clock() - self._last.at
        if last.fault is not None:
            return HealthReport(False, "unavailable", last.fault, last.evidence, age)
        state: Literal["connected", "idle"] = (
            "idle" if self._may_sleep and self._is_stale() else "connected"
        )
        return HealthReport(True, state, None, last.evidence, age)
