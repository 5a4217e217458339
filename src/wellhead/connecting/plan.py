"""Which pool an engine gets; the pool that keeps no connections, and SQLite in memory."""

import itertools
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

from sqlalchemy.pool import ConnectionPoolEntry, NullPool, Pool, PoolProxiedConnection

from wellhead.pool.sqlalchemy import AsyncPool
from wellhead.pool.stats import PoolStats

_numbers = itertools.count(1)


class CountingNullPool(NullPool):
    """SQLAlchemy's NullPool with a count of the connections in use."""

    # Like that of AsyncPool.
    _sqla_logger_namespace = "sqlalchemy.pool.CountingNullPool"
    _out = 0
    before_wait: Callable[[], None] | None = None
    """Like that of AsyncPool: every caller waits for a connection here."""

    def recreate(self) -> Self:
        """A new pool of the same kind."""
        pool: Self = super().recreate()  # type: ignore[assignment]  # an instance of its own class
        pool.before_wait = self.before_wait
        return pool

    def checkedout(self) -> int:
        """Connections in use."""
        return self._out

    def _invalidate(
        self,
        connection: PoolProxiedConnection,
        exception: BaseException | None = None,
        _checkin: bool = True,
    ) -> None:
        # Nothing is kept, so nothing else needs invalidating. SQLAlchemy would note the time, and
        # after the clock was set back it would make each connection twice.
        if _checkin and connection.is_valid:
            connection.invalidate(exception)

    def _do_get(self) -> ConnectionPoolEntry:
        if self.before_wait is not None:
            self.before_wait()
        entry = super()._do_get()
        self._out += 1
        return entry

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        self._out -= 1
        super()._do_return_conn(record)


class InMemory:
    """Keeps a database in memory, from :meth:`keep` until this object is no longer referenced.

    SQLite drops such a database when its last connection is closed, so one idle connection
    is kept. https://www.sqlite.org/inmemorydb.html

    Args:
        name: By which connections of this process reach it; None for one that nothing else has.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name or f"wellhead-{next(_numbers)}"
        self._is_kept = False

    def keep(self) -> None:
        """Keep the database from now on; does nothing if it is kept already."""
        if self._is_kept:
            return
        import sqlite3  # noqa: PLC0415 - a Python may lack it

        place = f"file:{self.name}?mode=memory&cache=shared"
        anchor = sqlite3.connect(place, uri=True, check_same_thread=False)
        # From Python 3.13 on a connection that is only dropped warns of that.
        weakref.finalize(self, anchor.close)
        self._is_kept = True


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """Which pool an engine gets, how large, and why, in one sentence.

    Attributes:
        in_memory: Keeps the database of an SQLite engine, as long as there is this plan.
    """

    mode: Literal["pool", "none", "static"]
    reason: str
    pool_size: int = 0
    max_overflow: int | None = None
    in_memory: InMemory | None = None

    def stats(self, pool: Pool | None) -> PoolStats:
        """The figures of a pool that was made after this plan; None before there is one."""
        if isinstance(pool, AsyncPool):
            return pool.stats(reason=self.reason)
        return PoolStats(
            mode=self.mode,
            reason=self.reason,
            pool_size=self.pool_size,
            max_overflow=self.max_overflow,
            checked_in=0,
            checked_out=pool.checkedout() if isinstance(pool, CountingNullPool) else 0,
            overflow=0,
        )
