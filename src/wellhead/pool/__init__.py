"""The connection pool: it lends each connection to one caller at a time, and makes the rest wait.

Begin with ``core``: it decides, in plain asyncio, which caller gets which connection; ``stock``
opens, keeps and closes them. ``slots`` has what they know of each connection and of each waiter,
``policy`` their knobs and ``stats`` their figures. Two pools are built on
it: ``sqlalchemy`` for engines, ``driver_pool`` for callers of asyncpg or psycopg, whose connections
``connection_state`` knows.
"""

from wellhead.pool.connection_state import is_gone
from wellhead.pool.driver_pool import DriverPool
from wellhead.pool.holders import serving
from wellhead.pool.plan import CountingNullPool, PoolPlan
from wellhead.pool.policy import PoolPolicy
from wellhead.pool.slots import Close
from wellhead.pool.sqlalchemy import UNCLEAN, AsyncPool
from wellhead.pool.stats import PoolStats, Timing

__all__ = [
    "UNCLEAN",
    "AsyncPool",
    "Close",
    "CountingNullPool",
    "DriverPool",
    "PoolPlan",
    "PoolPolicy",
    "PoolStats",
    "Timing",
    "is_gone",
    "serving",
]
