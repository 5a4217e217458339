"""Those who wait for a connection, in the order in which they came."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from wellhead.pool.leaks import Stack
from wellhead.pool.slot import Slot

C = TypeVar("C")


@dataclass(slots=True, eq=False)
class Waiter(Generic[C]):
    """One caller that waits.

    Attributes:
        future: Gets the connection, or the reason why there is none.
        began: When it came, by the loop's clock.
        deadline: When it gives up.
        is_patient: Whether it waits through failed attempts to connect.
        route: On whose behalf.
        stack: From where.
    """

    future: "asyncio.Future[Slot[C]]"
    began: float
    deadline: float
    is_patient: bool
    route: str | None
    stack: Stack


class Queue(Generic[C]):
    """First come, first served; whoever gives up costs the others nothing.

    Attributes:
        line: Those who wait, and some who gave up; when it is empty, nobody waits.
    """

    __slots__ = ("_count", "line")

    def __init__(self) -> None:
        self.line: deque[Waiter[C]] = deque()
        self._count = 0

    def __len__(self) -> int:
        # Those who were cancelled in this very moment still count.
        return self._count

    def __bool__(self) -> bool:
        if self.line:
            self._forget_the_first_who_gave_up()
        return bool(self.line)

    def exact(self) -> int:
        """How many wait, without those who were cancelled in this very moment."""
        return sum(not waiter.future.done() for waiter in self.line)

    def join(self, waiter: Waiter[C], *, at_front: bool = False) -> None:
        """Stand in line; at the front, where one has had its turn and got nothing."""
        if at_front:
            self.line.appendleft(waiter)
        else:
            self.line.append(waiter)
        self._count += 1

    def next(self) -> Waiter[C] | None:
        """Take the oldest out of the line."""
        while self.line:
            waiter = self.line.popleft()
            if not waiter.future.done():
                self._count -= 1
                return waiter
        return None

    def leave(self, waiter: Waiter[C]) -> None:
        """Give up; call it once, for a waiter that is in line, when its future is done."""
        del waiter
        self._count -= 1
        self._forget_the_first_who_gave_up()

    def _forget_the_first_who_gave_up(self) -> None:
        # The others who gave up are passed over when their turn comes.
        while self.line and self.line[0].future.done():
            self.line.popleft()

    def present(self) -> list[Waiter[C]]:
        """Those who still wait, in their order."""
        return [each for each in self.line if not each.future.done()]

    def impatient(self) -> list[Waiter[C]]:
        """Those who do not wait through a failed attempt."""
        return [each for each in self.present() if not each.is_patient]
