"""Which pool an engine gets, and the pool that keeps no connections."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

from sqlalchemy.pool import ConnectionPoolEntry, NullPool, Pool, PoolProxiedConnection

from wellhead.pool.in_memory import InMemory
from wellhead.pool.sqlalchemy import AsyncPool
from wellhead.pool.stats import PoolStats


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
