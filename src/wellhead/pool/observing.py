"""What a database does, reported as it happens: to whatever counts it for a request, or traces it.

A database without observers has none of this on its way: :class:`ObservedCore` replaces the pool's
core, and statements are wrapped, only where there is one.
"""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, TypeVar

from wellhead.pool.core import Core
from wellhead.pool.owner import Advice
from wellhead.pool.policy import PoolPolicy
from wellhead.pool.slots import Close, Link, Slot, Stack

C = TypeVar("C")


class Observer:
    """Is called with each thing that a database has done, in the task that it was done for.

    A new connection is the pool's own affair, and reported outside any task.

    A subclass overrides what it needs. None of its methods may raise or wait.
    """

    def connected(self, seconds: float) -> None:
        """The pool opened a connection, which took this long."""

    def waited(self, seconds: float, error: BaseException | None) -> None:
        """A caller got a connection, or an error after waiting for one.

        Args:
            seconds: How long it waited, in line or for a new one; 0 if it did not.
            error: What it got in place of a connection.
        """

    def lent(self, connection: Any) -> None:
        """A caller got this driver connection from the pool."""

    def returned(self, connection: Any) -> None:
        """The caller is done with it."""

    def ran(
        self, statement: str, shape: str | None, seconds: float, error: BaseException | None
    ) -> None:
        """A statement was completed, or failed.

        Args:
            statement: Its text, as it was sent.
            shape: The text that it has in common with others that differ in the length of a list;
                None if it is one of several batches of the same rows.
            seconds: From just before it was sent, with the BEGIN before it, to the response.
            error: The driver's error, or the cancellation.
        """

    def committed(self, seconds: float, error: BaseException | None) -> None:
        """A COMMIT was answered, or failed."""


class Exchanges:
    """How often one driver connection has sent something and waited for the response.

    No driver tells. Wellhead's connection classes count it once they are told to; the count stays
    readable when the connection is closed.

    Attributes:
        count: Statements, BEGIN, COMMIT and ROLLBACK, and what the driver asks for itself: to
            prepare or close a statement, or the server's types.
    """

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


def exchanges_of(connection: Any) -> Exchanges | None:
    """The count of a driver connection; None if it does not count."""
    found: Exchanges | None = getattr(connection, "exchanges", None)
    return found


class ObservedCore(Core[C]):
    """A core that reports each use of a connection.

    Args:
        link: Opens and closes connections.
        policy: The settings.
        name: For messages.
        advice: The hints for a use from another event loop.
        observers: What it reports to.
        driver_of: Returns the driver connection in a slot.
    """

    __slots__ = ("_driver_of", "_observers")

    def __init__(
        self,
        link: Link[C],
        policy: PoolPolicy,
        *,
        name: str,
        advice: Advice | None,
        observers: Sequence[Observer],
        driver_of: Callable[[Slot[C]], Any],
    ) -> None:
        super().__init__(link, policy, name=name, advice=advice)
        self._observers = observers
        self._driver_of = driver_of

    def take(self, stack: Stack = ()) -> Slot[C] | None:
        """An idle connection if one is available without waiting."""
        slot = super().take(stack)
        if slot is not None:
            self._report_lent(slot, 0.0)
        return slot

    async def wait(self, stack: Stack = (), timeout: float | None = None) -> Slot[C]:
        """The rest of ``acquire`` when ``take`` returned nothing."""
        began = perf_counter()
        try:
            slot = await super().wait(stack, timeout)
        except BaseException as error:
            for each in self._observers:
                each.waited(perf_counter() - began, error)
            raise
        self._report_lent(slot, perf_counter() - began)
        return slot

    def release(self, slot: Slot[C], *, is_usable: bool = True, is_clean: bool = True) -> None:
        """Release a connection."""
        self._report_returned(slot)
        super().release(slot, is_usable=is_usable, is_clean=is_clean)

    def drop(self, slot: Slot[C], reason: Close) -> None:
        """Free the slot of a connection that its user closed."""
        self._report_returned(slot)
        super().drop(slot, reason)

    def _admit(
        self, connection: C, generation: int, began: float, now: float
    ) -> BaseException | None:
        error = super()._admit(connection, generation, began, now)
        if error is None:
            for each in self._observers:
                each.connected(now - began)
        return error

    def _report_lent(self, slot: Slot[C], seconds: float) -> None:
        connection = self._driver_of(slot)
        for each in self._observers:
            each.waited(seconds, None)
            each.lent(connection)

    def _report_returned(self, slot: Slot[C]) -> None:
        connection = self._driver_of(slot)
        for each in self._observers:
            each.returned(connection)
