"""Slots, each with a connection; the link that makes it; and the queue of waiting callers."""

import asyncio
import enum
from collections import deque
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, Generic, Protocol, TypeVar

C = TypeVar("C")

Stack = tuple[tuple[CodeType, int], ...]
"""Code and position of each caller, nearest first; keeps no variables alive."""


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
    UNCLEAN = "unclean"


@dataclass(slots=True, eq=False, weakref_slot=True)
class Slot(Generic[C]):
    """A connection, and what the pool knows about it.

    Attributes:
        connection: The object that the pool's users get.
        is_closed: Whether the driver knows that the connection is closed; sends nothing.
        is_free: Whether it is open, outside a transaction, and without an operation in progress;
            sends nothing.
        expires_at: When it becomes too old, by the loop's clock.
        generation: Connections of an older generation than the pool's are not used again.
        idle_since: When it was returned.
        held_since: When it was handed out; 0 while it is not.
        route: The route that holds it, under FastAPI.
        stack: Where it was acquired.
        context: The holder's context, if the stack is known.
        handle: Whatever the link stores for the connection.
        is_named: Whether the log has already named its holder.
        is_spoilt: Whether its user declared it unusable.
    """

    connection: C
    is_closed: Callable[[], bool]
    is_free: Callable[[], bool]
    expires_at: float
    generation: int
    idle_since: float = 0.0
    held_since: float = 0.0
    route: str | None = None
    stack: Stack = field(default=())
    context: Context | None = None
    handle: Any = None
    is_named: bool = False
    is_spoilt: bool = False


class Link(Protocol[C]):
    """How a pool opens, watches and closes connections of one kind."""

    async def open(self, *, timeout: float) -> C:
        """Open a connection within this many seconds; any exception is a failure to connect."""
        ...

    def closed_check(self, connection: C) -> Callable[[], bool]:
        """A function that tells whether the driver knows that the connection is closed."""
        ...

    def free_check(self, connection: C) -> Callable[[], bool]:
        """A function that tells whether the connection can be lent; sends nothing.

        Then it is open, outside a transaction, and without an operation in progress.
        """
        ...

    def opened(self, slot: Slot[C]) -> None:
        """Called with the slot of a new connection."""
        ...

    def watch(self, connection: C, lost: Callable[[], None]) -> None:
        """Call ``lost`` once the server has hung up, if that can be detected at no cost."""
        ...

    def unwatch(self) -> None:
        """Call none of these functions any more."""
        ...

    async def ping(self, connection: C, *, timeout: float) -> None:
        """One round trip; raises if there is no response in time."""
        ...

    async def reset(self, connection: C) -> None:
        """Reset the state that a caller left; may be cancelled.

        Raises:
            Exception: It cannot be reset.
        """
        ...

    async def abort(self, connection: C) -> None:
        """Have the server cancel the running operation, and close; may be cancelled likewise."""
        ...

    async def close(self, connection: C) -> None:
        """Terminate the session and close; may be cancelled."""
        ...

    def terminate(self, connection: C) -> None:
        """Close at once, without notifying the server."""
        ...


@dataclass(slots=True, eq=False)
class Waiter(Generic[C]):
    """A waiting caller.

    Attributes:
        future: Gets the slot, or the reason that there is none.
        began: When it began to wait, by the loop's clock.
        deadline: When it gives up.
        is_patient: Whether it waits through failed attempts to connect.
        route: The route that it serves, under FastAPI.
        stack: Where it waits.
        context: Its context, if the stack is known.
    """

    future: "asyncio.Future[Slot[C]]"
    began: float
    deadline: float
    is_patient: bool
    route: str | None
    stack: Stack
    context: Context | None = None


class Queue(Generic[C]):
    """First come, first served; a waiter that gives up costs the others nothing.

    Attributes:
        line: The waiters, some of which may have given up; empty if there are none.
    """

    __slots__ = ("_count", "line")

    def __init__(self) -> None:
        self.line: deque[Waiter[C]] = deque()
        self._count = 0

    def __len__(self) -> int:
        # Waiters that were cancelled a moment ago still count.
        return self._count

    def __bool__(self) -> bool:
        if self.line:
            self._forget_the_first_that_gave_up()
        return bool(self.line)

    def exact(self) -> int:
        """The number of waiters, without those cancelled a moment ago."""
        return len(self.present())

    def join(self, waiter: Waiter[C], *, at_front: bool = False) -> None:
        """Join the queue; at the front for a waiter that had its turn and got nothing."""
        if at_front:
            self.line.appendleft(waiter)
        else:
            self.line.append(waiter)
        self._count += 1

    def next(self) -> Waiter[C] | None:
        """Remove the oldest waiter from the queue."""
        while self.line:
            waiter = self.line.popleft()
            if not waiter.future.done():
                self._count -= 1
                return waiter
        return None

    def leave(self) -> None:
        """Note that a waiter in the queue gave up; call it once, when its future is done."""
        self._count -= 1
        self._forget_the_first_that_gave_up()

    def _forget_the_first_that_gave_up(self) -> None:
        # Others that gave up are skipped when their turn comes.
        while self.line and self.line[0].future.done():
            self.line.popleft()

    def present(self) -> list[Waiter[C]]:
        """The waiters that have not given up, in order."""
        return [each for each in self.line if not each.future.done()]

    def impatient(self) -> list[Waiter[C]]:
        """The waiters that do not wait through a failed attempt, in order."""
        return [each for each in self.present() if not each.is_patient]
