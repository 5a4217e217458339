"""The budget of connections: what all processes may open, and what there is for them."""

from dataclasses import dataclass

from wellhead.errors import ConfigurationError

RESERVED = 3
"""Connections that PostgreSQL reserves for superusers by default.

https://www.postgresql.org/docs/current/runtime-config-connection.html
"""


@dataclass(frozen=True, slots=True)
class PoolSize:
    """A size for the pool of each process.

    Attributes:
        per_process: Connections that each process may open.
        pool_size: How many of them it keeps.
        max_overflow: How many of them it opens under load.
    """

    per_process: int
    pool_size: int
    max_overflow: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What all processes may open together, and what there is for them.

    Attributes:
        processes: Processes with a pool.
        per_process: Connections that each may open; infinity if its pool has no limit.
        limit: Connections that the server takes in all, or those that the settings give to these
            processes, if that is less or the server is behind a pooler.
        reserved: Those of ``limit`` that are kept for others.
        is_given: Whether ``limit`` is from the settings.
    """

    processes: int
    per_process: float
    limit: int
    reserved: int = 0
    is_given: bool = False

    @property
    def available(self) -> int:
        """Connections that there are for these processes."""
        return self.limit - self.reserved

    @property
    def wanted(self) -> float:
        """Connections that these processes may open."""
        return self.processes * self.per_process

    @property
    def excess(self) -> str | None:
        """A sentence about processes that may open more than there is; None if all is well."""
        if self.wanted <= self.available:
            return None
        there_is = f"the server has {self.available} for them (max_connections {self.limit}, "
        there_is += f"{self.reserved} reserved)"
        if self.is_given:
            there_is = f"the budget is {self.limit}"
        return (
            f"{self.processes} processes may open {self.wanted:g} connections "
            f"({self.per_process:g} each), but {there_is}."
        )

    def largest_pool(self) -> PoolSize:
        """The largest pool per process with which no connection is ever refused.

        Two thirds, rounded up, are kept; the rest is overflow.

        Raises:
            ConfigurationError: There is not even one connection for each process.
        """
        per_process = self.available // self.processes
        if per_process < 1:
            raise ConfigurationError(
                f"{self.processes} processes do not fit {self.available} connections "
                f"({self.limit} in all, {self.reserved} reserved).",
                hint="Run fewer processes, raise max_connections, or put a pooler in between.",
            )
        kept = -(-per_process * 2 // 3)
        return PoolSize(per_process, kept, per_process - kept)

    def __str__(self) -> str:
        return (
            f"{self.processes} process{'es' if self.processes > 1 else ''} x "
            f"{self.per_process:g} connections = {self.wanted:g} of {self.available}"
        )
