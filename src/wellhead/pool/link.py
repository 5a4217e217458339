"""The seam between the pool, which knows no driver, and what makes connections."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from wellhead.pool.slot import Slot

C = TypeVar("C")


class Link(Protocol[C]):
    """How a pool opens, watches and closes connections of one kind."""

    async def open(self, *, timeout: float) -> C:
        """Open a connection in so many seconds; what it raises is a failure to connect."""
        ...

    def closed_check(self, connection: C) -> Callable[[], bool]:
        """A function that says whether the driver knows the connection for closed."""
        ...

    def opened(self, slot: Slot[C]) -> None:
        """Take note of the place that a new connection got."""
        ...

    async def ping(self, connection: C, *, timeout: float) -> None:
        """One round trip; raises when there is no answer in time."""
        ...

    async def close(self, connection: C) -> None:
        """Say goodbye and close; takes two seconds at the most."""
        ...

    def terminate(self, connection: C) -> None:
        """Close at once, without a word to the server."""
        ...
