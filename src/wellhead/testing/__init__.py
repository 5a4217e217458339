"""Tests of an application on a real PostgreSQL, and a network that breaks on purpose.

Begin with ``plugin``, which pytest loads by ``-p wellhead.testing``: its fixtures give a test a
migrated database of its own worker, and roll back what the test has done there. ``worker`` and
``databases_of_run`` make these databases; ``joining`` is the server in front of them through which
everything that a test opens joins one transaction. ``counting`` counts what a test
sends to the database, and ``breaking`` shows how an application behaves when the database fails;
both are built on ``network`` and its ``proxy``.
"""

# Nothing of pytest's: what runs without it, such as a benchmark, uses the network, too.
from wellhead.testing.breaking import (
    SleepingDatabase,
    database_down,
    kill_connections,
    sleeping_database,
    slow_network,
)
from wellhead.testing.counting import RoundTrips, assert_max_queries, count_round_trips
from wellhead.testing.network import Network
from wellhead.testing.proxy import TCPProxy

__all__ = [
    "Network",
    "RoundTrips",
    "SleepingDatabase",
    "TCPProxy",
    "assert_max_queries",
    "count_round_trips",
    "database_down",
    "kill_connections",
    "sleeping_database",
    "slow_network",
]

pytest_plugins = ["wellhead.testing.plugin"]
