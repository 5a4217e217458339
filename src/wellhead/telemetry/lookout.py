"""What one process knows about its databases now, as JSON for the live page and other workers."""

import asyncio
import os
from collections import deque
from collections.abc import Mapping
from contextvars import Context
from time import monotonic
from typing import Any

from wellhead.database import Database
from wellhead.health.readiness import readiness
from wellhead.pool import AsyncPool, PoolStats, Timing
from wellhead.pool.holders import nearest
from wellhead.pool.stats import BOUNDS
from wellhead.telemetry.statement_times import StatementTimes

LOOK_FOR = 5.0
"""Seconds for which statements are observed after the figures were read last."""

MARK_EVERY = 5.0
"""Seconds between the figures that are kept to tell what the last minute was like."""

RECENT = 60.0
"""Seconds that quantiles look back."""

MOST_HOLDERS = 20
"""Holders of connections that are told, those that have held one longest."""

_NOTHING = Timing(buckets=(0,) * (len(BOUNDS) + 1))


class Lookout:
    """Reads the figures of the databases of one process; observes statements only meanwhile.

    While nobody reads the figures, it has no part in what the databases do.

    Args:
        databases: By name.
    """

    def __init__(self, databases: Mapping[str, Database[Any]]) -> None:
        self._databases = databases
        self._watched: dict[str, _Watched] = {}
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_looking(self) -> bool:
        """Whether statements are observed."""
        return bool(self._watched)

    def read(self) -> dict[str, Any]:
        """The figures now, by database; sends no query and never waits.

        From now on statements are observed, for ``LOOK_FOR`` seconds after the last call.
        """
        self._until = monotonic() + LOOK_FOR
        if not self._watched:
            for name, database in self._databases.items():
                self._watched[name] = watched = _Watched()
                database.watch(watched.statements)
            self._wait(LOOK_FOR)
        return {
            name: self._watched[name].figures_of(database)
            for name, database in self._databases.items()
        }

    def text_of(self, name: str, digest: str) -> str | None:
        """A statement of this shape as this database was sent it; None if there is none."""
        watched = self._watched.get(name)
        return watched.statements.text_of(digest) if watched else None

    def stop(self) -> None:
        """Observe no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for name, watched in self._watched.items():
            self._databases[name].unwatch(watched.statements)
        self._watched = {}

    def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self._look_away, context=Context())

    def _look_away(self) -> None:
        left = self._until - monotonic()
        # uvloop counts in milliseconds, so its timers may fire early.
        if left > 0.002:  # noqa: PLR2004 - as in the pool
            self._wait(left)
        else:
            self.stop()


class _Watched:
    """One database while it is watched.

    Attributes:
        statements: How long its statements take.
    """

    def __init__(self) -> None:
        self.statements = StatementTimes()
        # Waits and holds at some moments of the last minute, the oldest first.
        self._marks: deque[tuple[float, Timing, Timing]] = deque([(-RECENT, _NOTHING, _NOTHING)])

    def figures_of(self, database: Database[Any]) -> dict[str, Any]:
        stats, runs, now = database.stats(), database.run_stats(), monotonic()
        _, wait, hold = self._mark(stats, now)
        return {
            "pool": {
                **_pool_of(stats),
                "leak_after": database.settings.pool_leak_threshold,
            },
            "wait": _since(wait, stats.wait),
            "hold": _since(hold, stats.hold),
            "holders": _holders_of(database, now),
            "statements": self.statements.tell(),
            "errors": {str(fault): count for fault, count in runs.failed.items()},
            "retries": sum(runs.retried.values()) + sum(runs.reads_repeated.values()),
            "unknown_outcomes": runs.unknown,
            "readiness": _readiness_of(database),
            "migrations": _migrations_of(database),
        }

    def _mark(self, stats: PoolStats, now: float) -> tuple[float, Timing, Timing]:
        marks = self._marks
        if now - marks[-1][0] >= MARK_EVERY:
            marks.append((now, stats.wait, stats.hold))
        while len(marks) > 1 and now - marks[1][0] >= RECENT:
            marks.popleft()
        first = marks[0]
        # Counters begin again when a database is opened again.
        if first[2].count > stats.hold.count or first[1].count > stats.wait.count:
            marks.clear()
            marks.append((now - RECENT, _NOTHING, _NOTHING))
        return marks[0]


def _pool_of(stats: PoolStats) -> dict[str, Any]:
    return {
        "mode": stats.mode,
        "active": stats.active,
        "idle": stats.idle,
        "opening": stats.opening,
        "waiting": stats.waiting,
        "limit": None if stats.max_overflow is None else stats.pool_size + stats.max_overflow,
        "acquired": stats.acquired,
        "timeouts": stats.timeouts,
        "saturated": stats.saturated,
    }


def _since(before: Timing, now: Timing) -> list[int]:
    """How many durations of each bucket there were since then."""
    return [
        after - earlier
        for after, earlier in zip(now.buckets or _NOTHING.buckets, before.buckets, strict=True)
    ]


def _holders_of(database: Database[Any], now: float) -> list[dict[str, Any]]:
    if not database.is_open:
        return []
    pool = database.engine.sync_engine.pool
    if not isinstance(pool, AsyncPool):
        return []
    held = sorted(pool.core.lent, key=lambda slot: slot.held_since)[:MOST_HOLDERS]
    return [
        {
            "process": os.getpid(),
            "what": slot.route,
            "seconds": now - slot.held_since,
            "line": nearest(slot.stack),
        }
        for slot in held
    ]


def _readiness_of(database: Database[Any]) -> dict[str, Any]:
    report = database.last_known()
    found = readiness(report, is_started=database.is_started)
    reason = "draining" if database.is_draining else found.reason
    return {
        "is_ready": reason is None,
        "state": report.state,
        "detail": reason if report.fault is None else f"{reason or report.state}: {report.fault}",
        "age": report.age,
    }


def _migrations_of(database: Database[Any]) -> dict[str, Any] | None:
    schema = database.last_known().schema
    if schema is None:
        return None
    return {
        "current": list(schema.current),
        "head": [] if schema.head is None else [schema.head],
        "is_current": schema.position == "at_head",
    }
