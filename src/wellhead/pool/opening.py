"""How places are filled: connections are made in tasks of the pool, one at a time in an outage."""

import asyncio
from abc import abstractmethod
from time import monotonic
from typing import TypeVar

from wellhead.pool.outage import will_pass
from wellhead.pool.places import Places
from wellhead.pool.slot import Slot
from wellhead.pool.waiters import Waiter

C = TypeVar("C")


class Opening(Places[C]):
    """Opens what waiters and the warm minimum need."""

    __slots__ = ()

    @abstractmethod
    def _place(self, slot: Slot[C], now: float) -> None:
        """Give a connection to whoever is next."""

    @abstractmethod
    def _give_up(self, waiter: Waiter[C]) -> None:
        """Tell a waiter that there is nothing for it."""

    async def open_one(self) -> None:
        """Open a connection and put it in the pool, or raise why that is not possible.

        Nothing is tried again. Does nothing when there is a free one already.
        """
        self.owner.check()
        if self._idle or len(self._slots) + self._opening >= self.policy.limit:
            return
        self._opening += 1
        error = await self._open()
        if error is not None:
            if self._queue:
                # Somebody counted on this one.
                self._open_more()
            raise error

    def _open_more(self) -> None:
        """Open what waiters and the warm minimum need; while the database is away, one to see."""
        needed = len(self._queue) - self._opening
        if not self._is_closed:
            missing = self.policy.min_idle - (len(self._slots) - self._closing) - self._opening
            needed = max(needed, missing)
        room = self.policy.limit - len(self._slots) - self._opening
        if self.outage.error is not None:
            needed = 1 if self._queue and not self._opening else 0
            if needed and self._put_off():
                return
        loop = asyncio.get_running_loop()
        for _ in range(int(min(needed, room))):
            self._opening += 1
            task = loop.create_task(self._open_for_waiters())
            self._openings.add(task)
            task.add_done_callback(self._openings.discard)

    def _put_off(self) -> bool:
        if self._retry is not None:
            return True
        pause = self.outage.not_before - monotonic()
        if pause <= 0:
            return False
        loop = asyncio.get_running_loop()
        self._retry = loop.call_later(pause, self._try_again)
        return True

    def _try_again(self) -> None:
        self._retry = None
        self._open_more()

    async def _open_for_waiters(self) -> None:
        error = await self._open()
        if error is None:
            return
        if not will_pass(error):
            if (oldest := self._queue.next()) is not None:
                oldest.future.set_exception(error)
        elif not self.active:
            # While others hold connections, as at a full server, one of theirs may come back.
            for waiter in self._queue.impatient():
                self._give_up(waiter)
        if self._queue:
            self._open_more()

    async def _open(self) -> Exception | None:
        began, generation = monotonic(), self._generation
        try:
            connection = await self._link.open(timeout=self.policy.connect_timeout)
        except BaseException as error:
            self._opening -= 1
            if not isinstance(error, Exception):
                if self._queue:
                    self._open_more()
                raise
            self.tally.failed_connects += 1
            if will_pass(error):
                self.outage.begin_or_go_on(error, monotonic())
            return error
        now = monotonic()
        self._opening -= 1
        self.tally.opened += 1
        self.tally.connect.add(now - began)
        self.outage.end(now)
        closed = self._link.closed_check(connection)
        slot = Slot(connection, closed, now + self.policy.lifetime(), generation)
        self._link.opened(slot)
        self._slots.add(slot)
        self._place(slot, now)
        self._open_more()
        return None
