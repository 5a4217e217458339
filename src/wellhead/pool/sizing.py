"""How large each process's pool may be, so that all of them fit the server."""

from dataclasses import dataclass

from wellhead.errors import ConfigurationError

RESERVED = 3
"""Connections that PostgreSQL keeps for superusers unless told otherwise.

https://www.postgresql.org/docs/current/runtime-config-connection.html
"""


@dataclass(frozen=True, slots=True)
class PoolSize:
    """A size for the pool of each process.

    Attributes:
        per_process: Connections that each process may open.
        pool_size: Of these, connections that it keeps.
        max_overflow: Of these, connections that it opens under load.
        processes: How many processes share the server.
        available: Connections that the server has for them.
    """

    per_process: int
    pool_size: int
    max_overflow: int
    processes: int
    available: int


def largest_pool(
    *, max_connections: int, replicas: int, workers: int, reserved: int = RESERVED
) -> PoolSize:
    """The largest pool for each process with which the server never runs out of connections.

    Two thirds, rounded up, are kept; the rest is overflow.

    Args:
        max_connections: The server's limit.
        replicas: Containers or machines that run the application.
        workers: Processes in each.
        reserved: Connections kept free for superusers, migrations and other clients.

    Raises:
        ConfigurationError: There is not even one connection for each process.
    """
    processes, available = replicas * workers, max_connections - reserved
    per_process = available // processes
    if per_process < 1:
        raise ConfigurationError(
            f"{processes} processes do not fit {available} connections ({max_connections} of the "
            f"server, {reserved} reserved).",
            hint="Run fewer processes, raise max_connections, or put a pooler in between.",
        )
    kept = -(-per_process * 2 // 3)
    return PoolSize(per_process, kept, per_process - kept, processes, available)


def overbooking(
    *, max_connections: int, reserved: int, processes: int, per_process: float
) -> str | None:
    """A sentence on a fleet that the server cannot serve; None where it can."""
    wanted, available = processes * per_process, max_connections - reserved
    if wanted <= available:
        return None
    return (
        f"{processes} processes may open {wanted:g} connections ({per_process:g} each), but the "
        f"server has {available} for them (max_connections {max_connections}, {reserved} reserved)."
    )
