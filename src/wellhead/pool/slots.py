"""One place in the pool: a connection, and what the pool knows of it."""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from wellhead.pool.leaks import Stack

C = TypeVar("C")


class Close(enum.StrEnum):
    """Why the pool closed a connection."""

    LIFETIME = "lifetime"
    IDLE = "idle"
    SERVER = "server"
    CHECK = "check"
    INVALIDATED = "invalidated"
    OVERFLOW = "overflow"
    DETACHED = "detached"
    DISPOSED = "disposed"


@dataclass(slots=True, eq=False)
class Slot(Generic[C]):
    """A connection in the pool.

    Attributes:
        connection: What the pool's users get.
        is_closed: Whether the driver knows that the connection is closed; asks nobody.
        expires_at: When it is too old, by the loop's clock.
        generation: Connections of an earlier generation than the pool's are not used again.
        idle_since: When it came back.
        held_since: When it was handed out; 0 while it is not.
        route: The route that holds it, under FastAPI.
        stack: Where it was taken.
        handle: What the link wants to remember of the connection.
        is_named: Whether the log has already named its holder.
        is_spoilt: Whether its user said that nobody is to use it again.
    """

    connection: C
    is_closed: Callable[[], bool]
    expires_at: float
    generation: int
    idle_since: float = 0.0
    held_since: float = 0.0
    route: str | None = None
    stack: Stack = field(default=())
    handle: Any = None
    is_named: bool = False
    is_spoilt: bool = False
