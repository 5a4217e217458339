"""Whether this process should get requests, which is more and less than a healthy database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from wellhead.health.health import HealthReport, State

Reason = Literal["draining", "starting", "behind", "unavailable"]

KEEPS_TRAFFIC: frozenset[State] = frozenset({"connected", "idle", "saturated", "read_only"})
"""The states in which requests are better sent here than nowhere.

A saturated pool refuses in milliseconds and soon has room again; a load balancer that removed the
process would push its share onto the others, until all of them are removed. And a server that
refuses writes still serves reads, as replicas do without their primary.
"""

_REASONS: Mapping[State, Reason] = {"starting": "starting", "behind": "behind"}


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether this process should get requests.

    Attributes:
        is_ready: Whether it should.
        reason: Why not: ``draining``, it is shutting down; ``starting``, it has not been ready yet;
            ``behind``, the schema lacks migrations; or ``unavailable``, the database.
        health: What is known about the database.
    """

    is_ready: bool
    reason: Reason | None
    health: HealthReport


def readiness(
    health: HealthReport, *, is_started: bool, has_replicas: Callable[[], bool] = lambda: False
) -> Readiness:
    """What the database's state means for a process.

    Args:
        health: What is known about the database.
        is_started: Whether the process has been ready once.
        has_replicas: Whether replicas serve reads; called only if the database is not available.
    """
    serves_reads = health.state == "unavailable" and is_started and has_replicas()
    if health.state in KEEPS_TRAFFIC or serves_reads:
        return Readiness(is_started, None if is_started else "starting", health)
    return Readiness(False, _REASONS.get(health.state, "unavailable"), health)
