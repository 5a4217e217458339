"""The connection pool: lends each connection to one caller at a time, and makes the others wait.

Begin with ``core``: it decides, in plain asyncio, which caller gets which connection; ``stock``
opens, keeps and closes them. ``slots`` holds what they know about each connection and each waiter,
``policy`` the settings and ``stats`` the figures. Two pools are built on it: ``sqlalchemy`` for
engines, and ``driver_pool`` for callers that use asyncpg or psycopg directly.
``connection_state`` inspects the drivers' connections; ``observing`` is what those who count or
trace get told.
"""

from wellhead.pool.connection_state import is_gone
from wellhead.pool.driver_pool import DriverPool
from wellhead.pool.holders import serving
from wellhead.pool.policy import PoolPolicy
from wellhead.pool.slots import Close
from wellhead.pool.sqlalchemy import UNCLEAN, AsyncPool
from wellhead.pool.stats import PoolStats, Timing

__all__ = [
    "UNCLEAN",
    "AsyncPool",
    "Close",
    "DriverPool",
    "PoolPolicy",
    "PoolStats",
    "Timing",
    "is_gone",
    "serving",
]
