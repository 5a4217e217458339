"""The connection pool: for SQLAlchemy, for drivers, and its figures.

``core`` decides who gets which connection, in plain asyncio; below it ``opening`` makes connections
and ``places`` keeps and closes them. ``face`` shows it to SQLAlchemy as a ``Pool``, ``native`` to
callers of a driver. ``policy`` holds the knobs, ``stats`` the figures.
"""

from wellhead.pool.drivers import has_failed, is_gone
from wellhead.pool.face import AsyncPool
from wellhead.pool.native import DriverPool
from wellhead.pool.plan import CountingNullPool, PoolPlan
from wellhead.pool.policy import PoolPolicy
from wellhead.pool.route import serving
from wellhead.pool.slot import Close
from wellhead.pool.stats import PoolStats
from wellhead.pool.timing import Timing

__all__ = [
    "AsyncPool",
    "Close",
    "CountingNullPool",
    "DriverPool",
    "PoolPlan",
    "PoolPolicy",
    "PoolStats",
    "Timing",
    "has_failed",
    "is_gone",
    "serving",
]
