"""Whether the database responds, learnt from real traffic whenever there is some.

A probe that queries keeps a database awake that would sleep, and a probe that queues in the
application's own pool fails when the pool is merely busy. So traffic is the evidence; only without
any is the database queried, on a separate connection, with its own deadline, once for all
concurrent probes, and never if the query would wake it.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Self

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from wellhead.errors import Fault, WellheadError, classify
from wellhead.errors.recognition import fault_of, sqlstate_of
from wellhead.health.schema import SchemaState

logger = logging.getLogger(__package__)

FRESH_FOR = 10.0
"""Seconds for which a success is valid before the database is asked again."""

FAILED_FOR = 1.0
"""Seconds for which a failure to connect is valid; short, as the database may be back."""

REFUSED_FOR = 5.0
"""Seconds for which the pool counts as saturated after a caller got no connection."""

MOST_LOSSES = 5
"""Consecutive uses that may end with a lost connection before the pool itself is doubted."""

_REFUSES_WRITES = frozenset({Fault.READ_ONLY_SERVER, Fault.STANDBY})

State = Literal["connected", "idle", "saturated", "read_only", "behind", "unavailable", "starting"]


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What is known about the database.

    Attributes:
        is_healthy: Whether requests that need the database can be expected to work.
        state: ``connected``; ``idle``, if there was no recent traffic from a database that sleeps
            when unused, and a query would wake it; ``saturated``, if the pool turns callers away;
            ``read_only``, if the server refuses writes; ``behind``, if it responds but its schema
            lacks migrations; ``unavailable``; or ``starting``, if it could not be opened yet and
            the attempts continue.
        fault: What is wrong, if anything is.
        evidence: How this is known.
        age: Seconds since the observation, or None before the first one.
        schema: The state of its schema, if that is checked and could be read.
    """

    is_healthy: bool
    state: State
    fault: Fault | None
    evidence: Literal["traffic", "probe", "none"]
    age: float | None
    schema: SchemaState | None = None

    @classmethod
    def not_open(cls) -> Self:
        """The report of a database that is not open."""
        return cls(False, "unavailable", Fault.NOT_OPEN, "none", None)

    @classmethod
    def starting(cls, fault: Fault, age: float) -> Self:
        """The report of a database whose opening has failed so far and is being retried."""
        return cls(False, "starting", fault, "probe", age)

    def with_schema(self, schema: SchemaState | None) -> Self:
        """The same report, adjusted for the schema's state."""
        if schema is None or schema.is_ready:
            return replace(self, schema=schema)
        return replace(self, is_healthy=False, state="behind", schema=schema)


class _Observation(NamedTuple):
    at: float
    fault: Fault | None
    evidence: Literal["traffic", "probe"]

    @property
    def stands_for(self) -> float:
        if self.fault is None:
            return FRESH_FOR
        # One lost connection says little about the next one.
        is_one_loss = self.fault is Fault.CONNECTION_LOST and self.evidence == "traffic"
        return 0.0 if is_one_loss else FAILED_FOR


class Health:
    """Gathers evidence and responds to probes.

    Args:
        ask: Opens a connection, sends a query and closes it, all within a deadline; returns
            whether the server refuses writes, and raises a :class:`wellhead.ConnectError` if there
            is no response.
        may_sleep: Whether the database goes to sleep when it gets no queries.
        use_pool: Uses a pool connection for one statement, all within a deadline. This is how the
            database is asked once the pool's connections keep getting lost: that new connections
            can be made proves nothing then.
        queue_is_full: Whether the pool would refuse the next caller now.
        clock: Returns the time in seconds; only differences count.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[bool]],
        *,
        may_sleep: bool,
        use_pool: Callable[[], Awaitable[None]],
        queue_is_full: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._may_sleep = may_sleep
        self._use_pool = use_pool
        self._queue_is_full = queue_is_full
        self._clock = clock
        self._last: _Observation | None = None
        self._losses = 0
        self._refused_at = -math.inf
        self._is_read_only = False
        # When the server itself said whether it accepts writes; never, after traffic was refused.
        self._asked_at = -math.inf
        self._asking: asyncio.Task[None] | None = None

    def watch(self, engine: AsyncEngine) -> None:
        """Take every failed statement of this engine as evidence; sends no query."""

        @event.listens_for(engine.sync_engine, "handle_error")
        def failed(context: ExceptionContext) -> None:
            if fault_of(context.original_exception) in _REFUSES_WRITES:
                self.record_failure(Fault.READ_ONLY_SERVER)
            elif context.is_disconnect:
                self.record_failure(Fault.CONNECTION_LOST)
            elif sqlstate_of(context.original_exception) is not None:
                # A server that refuses a statement responds.
                self._losses = 0

    def note_answer(self, context: Any, statement: str, seconds: float) -> None:
        """Take a completed statement as evidence.

        Args:
            context: SQLAlchemy's execution context.
            statement: Its text.
            seconds: Its duration.
        """
        del statement, seconds
        self._losses = 0
        self._last = _Observation(self._clock(), None, "traffic")
        if self._is_read_only and _has_written(context):
            self._is_read_only = False

    def record_failure(self, fault: Fault) -> None:
        """Note that real traffic ran into this fault."""
        if fault is Fault.SATURATED:
            self._refused_at = self._clock()
        elif fault is Fault.READ_ONLY_SERVER:
            # The server, or only this transaction? The next report asks the server.
            self._is_read_only, self._asked_at = True, -math.inf
        else:
            self._losses += fault is Fault.CONNECTION_LOST
            self._last = _Observation(self._clock(), fault, "traffic")

    def record_success(self, *, has_written: bool = False) -> None:
        """Note that the database served real traffic, and whether it accepted a write."""
        self._losses = 0
        if has_written:
            self._is_read_only = False
        self._last = _Observation(self._clock(), None, "traffic")

    async def report(self) -> HealthReport:
        """What is known; waits only if the database has to be asked."""
        return await self.ask() if self._must_ask() else self.known()

    async def ask(self) -> HealthReport:
        """What the database says now; concurrent callers share one query."""
        asking = self._begin_to_ask()
        # A caller that stops waiting does not cancel the query for the others, and a cancelled
        # query does not cancel its waiters.
        await asyncio.wait({asking})
        return HealthReport.not_open() if asking.cancelled() else self.known()

    def ask_if_due(self) -> None:
        """Begin to ask if what is known is out of date; never waits."""
        if self._must_ask():
            self._begin_to_ask()

    def known(self) -> HealthReport:
        """What is known without a query; never waits."""
        if self._last is None:
            return HealthReport(True, "idle", None, "none", None)
        last, age = self._last, self._clock() - self._last.at
        if last.fault is not None:
            return HealthReport(False, "unavailable", last.fault, last.evidence, age)
        if self._is_saturated():
            return HealthReport(False, "saturated", Fault.SATURATED, "traffic", age)
        if self._is_read_only:
            return HealthReport(False, "read_only", Fault.READ_ONLY_SERVER, last.evidence, age)
        state: State = "idle" if self._may_sleep and self._is_stale() else "connected"
        return HealthReport(True, state, None, last.evidence, age)

    async def close(self) -> None:
        """Cancel a pending query; its waiters get ``not_open``."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    def _begin_to_ask(self) -> asyncio.Task[None]:
        if self._asking is None or self._asking.done():
            # Shared by all callers: its log lines must not carry one caller's context.
            self._asking = Context().run(asyncio.create_task, self._probe())
        return self._asking

    def _must_ask(self) -> bool:
        has_failed = self._last is not None and self._last.fault is not None
        if not has_failed and self._is_saturated():
            return False
        if self._is_stale():
            return has_failed or not self._may_sleep
        # It has just responded, so a query does not wake it.
        may_have_changed = self._is_read_only and self._clock() - self._asked_at >= FRESH_FOR
        return may_have_changed and not has_failed

    def _is_stale(self) -> bool:
        return self._last is None or self._clock() - self._last.at >= self._last.stands_for

    def _is_saturated(self) -> bool:
        return self._clock() - self._refused_at < REFUSED_FOR or self._queue_is_full()

    async def _probe(self) -> None:
        began, fault = self._clock(), None
        try:
            if self._losses >= MOST_LOSSES:
                await self._use_pool()
            else:
                self._is_read_only = await self._ask()
                self._asked_at = self._clock()
        except (WellheadError, SQLAlchemyError, OSError) as error:
            fault = classify(error).fault
        except Exception:
            logger.exception("the database could not be asked", extra={"event": "probe_failed"})
            fault = Fault.UNKNOWN
        last = self._last
        if fault is not None and last is not None and last.fault is None and last.at >= began:
            return  # In the meantime traffic succeeded, and traffic is what counts.
        self._last = _Observation(self._clock(), fault, "probe")


def _has_written(context: Any) -> bool:
    return bool(context.isinsert or context.isupdate or context.isdelete or context.isddl)
