"""Whether this process should get requests, which is more and less than a healthy database."""

from dataclasses import dataclass
from typing import Literal, Self

from wellhead.health import HealthReport, State

KEEPS_TRAFFIC: frozenset[State] = frozenset({"connected", "idle", "saturated", "read_only"})
"""The states in which requests are better sent here than nowhere.

A saturated pool refuses in milliseconds and has room again in the next; a balancer that took the
process away would push its share onto the others, until all of them are away. And a server that
takes no changes still answers reads.
"""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether this process should get requests.

    Attributes:
        is_ready: Whether it should.
        reason: Why not: ``draining``, it is about to end; ``starting``, it has not been ready
            yet; ``behind``, the schema lacks migrations; or ``unavailable``, the database.
        health: What is known of the database.
    """

    is_ready: bool
    reason: Literal["draining", "starting", "behind", "unavailable"] | None
    health: HealthReport

    @classmethod
    def of(cls, health: HealthReport, *, is_started: bool) -> Self:
        """What the state of the database means for a process that has been ready once, or not."""
        if health.state in KEEPS_TRAFFIC:
            return cls(is_started, None if is_started else "starting", health)
        if health.state == "starting":
            return cls(False, "starting", health)
        return cls(False, "behind" if health.state == "behind" else "unavailable", health)
