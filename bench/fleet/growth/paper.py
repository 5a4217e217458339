"""What follows on paper from what was measured: more processes, and the end of one primary."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from bench.fleet.growth.cell import Costs
from bench.fleet.growth.load import READS_PER_WRITE
from wellhead import DatabaseSettings
from wellhead.connecting.budget import RESERVED, Budget
from wellhead.errors import ConfigurationError

PROCESSES = (10, 100, 1000)
CORES = (1, 16, 64)

MAX_CONNECTIONS = 500
"""Of the server, without a pooler."""

NETWORK = 1.25e9
"""Bytes a second that the primary may send to its replicas: 10 Gbit/s."""

Row: TypeAlias = tuple[str, str, Callable[[int], float | None]]
"""A figure, how it is computed, and its value for a number; None where there is none."""

_WRITES = 1 / (1 + READS_PER_WRITE)


@dataclass(frozen=True, slots=True)
class Paper:
    """Everything that is computed.

    A request is one of the load: a write, or one of the reads after it.

    Attributes:
        alone: What requests cost without replicas.
        spread: What they cost with replicas.
        replicas: With how many.
        settings: The pool of each process; the default one.
    """

    alone: Costs
    spread: Costs
    replicas: int
    settings: DatabaseSettings = field(
        default_factory=lambda: DatabaseSettings(url="postgresql://localhost/todo")
    )

    def of_processes(self) -> list[Row]:
        """What many processes need, by how many there are."""
        size, overflow = self.settings.pool_size, self.settings.max_overflow
        each = size + overflow
        max_lag = self.settings.replica_max_lag
        return [
            (
                "requests a second, at most",
                "processes x 1,000 / ms of the application per request",
                self.requests_of,
            ),
            (
                "connections to the primary, and to each replica, at most",
                f"processes x ({size} + {overflow}), the default pool",
                lambda processes: processes * each,
            ),
            (
                f"the largest pool of each with `max_connections = {MAX_CONNECTIONS}`",
                f"({MAX_CONNECTIONS} - {RESERVED} reserved) / processes",
                self.largest_pool_of,
            ),
            (
                "PgBouncer's `max_client_conn`, in front of the primary",
                "the connections of the second line",
                lambda processes: processes * each,
            ),
            (
                "cores at work at the primary; PgBouncer uses at least as many connections",
                "requests x ms of the primary per request / 1,000",
                lambda processes: self.requests_of(processes) * self.primary_share / 1000,
            ),
            (
                "cores at work at all replicas",
                "requests x ms of the replicas per request / 1,000",
                lambda processes: self.requests_of(processes) * self.replicas_share / 1000,
            ),
            (
                "questions for the position a second, of all servers",
                "requests x questions per request",
                lambda processes: self.requests_of(processes) * self.positions,
            ),
            (
                "those to one replica for the age of its state alone, at most",
                f"processes x {size} connections / {max_lag:g} s",
                lambda processes: processes * size / max_lag,
            ),
        ]

    def of_cores(self) -> list[Row]:
        """Where one primary ends, by its cores."""
        return [
            (
                "writes a second, if nobody reads",
                "cores x 1,000 / ms of the primary per write",
                lambda cores: cores * 1000 / self.alone.primary_write,
            ),
            (
                "requests a second without replicas",
                "cores x 1,000 / ms of the primary per request",
                lambda cores: (
                    cores * 1000 / _request(self.alone.primary_write, self.alone.primary_read)
                ),
            ),
            (
                "requests a second with replicas",
                "the same, with replicas",
                self.requests_at,
            ),
            (
                "writes among them",
                f"requests / {1 + READS_PER_WRITE}",
                self.writes_at,
            ),
            (
                "log, MB a second",
                "writes x bytes of log / 1,000,000",
                lambda cores: self.writes_at(cores) * self.spread.log / 1e6,
            ),
            (
                "replicas of the same size that their reads take",
                "reads x ms of the replicas per read / (cores x 1,000 - writes x ms to replay one)",
                self.replicas_at,
            ),
            (
                "processes of the application that they take",
                "requests x ms of the application per request / 1,000",
                lambda cores: math.ceil(self.requests_at(cores) * self.application_share / 1000),
            ),
        ]

    @property
    def application_share(self) -> float:
        """Milliseconds of the application for a request, with replicas."""
        return _request(self.spread.application_write, self.spread.application_read)

    @property
    def primary_share(self) -> float:
        """The same of the primary."""
        return _request(self.spread.primary_write, self.spread.primary_read)

    @property
    def replicas_share(self) -> float:
        """The same of all replicas: each replays each write."""
        return _request(self.replicas * self.spread.replica_write, self.spread.replica_read)

    @property
    def positions(self) -> float:
        """Questions how far a server has got, for a request."""
        return _request(self.spread.positions_write, self.spread.positions_read)

    @property
    def taken_off(self) -> float:
        """The share of the primary's work that replicas take off it."""
        return 1 - self.primary_share / _request(self.alone.primary_write, self.alone.primary_read)

    @property
    def processes_with_default_pools(self) -> int:
        """How many may open all their connections to one server without a pooler."""
        each = self.settings.pool_size + self.settings.max_overflow
        return (MAX_CONNECTIONS - RESERVED) // each

    @property
    def writes_of_network(self) -> float:
        """Writes a second whose log fills the primary's network."""
        return NETWORK / (self.replicas * self.spread.log)

    def requests_of(self, processes: int) -> float:
        """Requests a second of so many processes, each with a core of its own."""
        return processes * 1000 / self.application_share

    def largest_pool_of(self, processes: int) -> int | None:
        """Connections that each of so many processes may open without a pooler, if any."""
        budget = Budget(
            processes=processes, per_process=0, limit=MAX_CONNECTIONS, reserved=RESERVED
        )
        try:
            return budget.largest_pool().per_process
        except ConfigurationError:
            return None

    def requests_at(self, cores: int) -> float:
        """Requests a second at which so many cores of a primary with replicas are busy."""
        return cores * 1000 / self.primary_share

    def writes_at(self, cores: int) -> float:
        """The writes among them."""
        return self.requests_at(cores) * _WRITES

    def replicas_at(self, cores: int) -> int | None:
        """Replicas of so many cores that serve the reads among them; None if replay takes all."""
        writes = self.writes_at(cores)
        left = cores * 1000 - writes * self.spread.replica_write
        if left <= 0:
            return None
        return math.ceil(writes * READS_PER_WRITE * self.spread.replica_read / left)


def _request(write: float, read: float) -> float:
    """What a request of the load takes, by what a write and a read take."""
    return _WRITES * write + (1 - _WRITES) * read
