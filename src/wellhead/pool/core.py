"""The pool itself, in plain asyncio: who gets which connection, and who waits.

It knows neither SQLAlchemy nor a driver; connections come from a :class:`Link`. Everything that
changes its state runs in one event loop and without an ``await`` in between, so a cancelled caller
can be met only where it waits for its turn or for a ping.
"""

import asyncio
from collections.abc import Callable
from threading import get_ident
from time import monotonic
from typing import TypeVar

from wellhead.errors import PoolSaturated, PoolTimeout
from wellhead.pool.holders import say
from wellhead.pool.leaks import Stack
from wellhead.pool.opening import Opening
from wellhead.pool.places import TICK
from wellhead.pool.route import get_route
from wellhead.pool.slot import Close, Slot
from wellhead.pool.timing import BATCH
from wellhead.pool.waiters import Waiter

C = TypeVar("C")


class Core(Opening[C]):
    """Hands out connections of one kind.

    Args:
        link: Opens and closes them.
        policy: The knobs.
        name: For messages.
    """

    __slots__ = ()

    # Taking and giving back.

    def take(self) -> Slot[C] | None:
        """A free connection, if that needs no waiting: neither in line nor for a ping.

        Raises:
            PoolMisuseError: Called from another event loop, or after a fork.
        """
        # Every line here runs for every use of a connection, so nothing is called that need not be.
        owner = self.owner
        if get_ident() != owner.thread or not owner.is_running():
            owner.check()
        if self._line or not self._idle:
            return None
        now = monotonic()
        slot = self._take_idle()
        if now >= slot.expires_at or slot.is_closed():
            self._untake_idle(slot)
            another = self._next_idle(now)
            if another is None:
                return None
            slot = another
        if now - slot.idle_since >= self._check_after:
            self._untake_idle(slot)
            return None
        slot.held_since = now
        slot.route = get_route()
        return slot

    async def acquire(self, *, stack: Stack = (), timeout: float | None = None) -> Slot[C]:
        """A connection, within ``timeout`` seconds (the policy's by default).

        Raises:
            PoolTimeout: There was none in time.
            PoolSaturated: As many wait as may.
            PoolMisuseError: Called from another event loop, or after a fork.
            Exception: What opening a connection raised, where waiting does not help.
        """
        slot = self.take()
        if slot is None:
            return await self.wait(stack, timeout)
        if stack:
            self.name_holder(slot, stack)
        return slot

    def name_holder(self, slot: Slot[C], stack: Stack) -> None:
        """Note where a connection was taken, and see to it that its holder is not forgotten."""
        slot.stack = stack
        if not self.holders.is_watching:
            self.holders.watch(self._slots)

    async def wait(self, stack: Stack = (), timeout: float | None = None) -> Slot[C]:
        """What ``acquire`` does once ``take`` gave nothing."""
        now = monotonic()
        deadline = now + (self.policy.timeout if timeout is None else timeout)
        waiter = self._new_waiter(now, deadline, stack)
        had_its_turn = False
        # Nobody may stand in line while a connection is free: it would not be called.
        while not self._queue and (slot := self._next_idle(monotonic())) is not None:
            had_its_turn = True
            if await self._check(slot, waiter):
                return slot
            if monotonic() >= deadline:
                break
        return await self._wait(waiter, at_front=had_its_turn)

    def give_back(self, slot: Slot[C]) -> None:
        """Take a connection back; it goes straight to whoever has waited longest."""
        now = monotonic()
        idle = self._idle
        if now < slot.expires_at and len(idle) < self._room and not (self._line or slot.is_named):
            # The usual case, without a look at the connection: whoever takes it looks.
            self._holds.append(now - slot.held_since)
            if slot.route is not None or len(self._holds) >= BATCH:
                self.tally.held_by(slot.route, now - slot.held_since)
            slot.held_since = 0.0
            slot.idle_since = now
            idle.append(slot)
            if self._shrink is None:
                self._plan_shrink()
        else:
            self.release(slot)

    def release(self, slot: Slot[C], *, is_usable: bool = True) -> None:
        """Take a connection back, and say whether it can be used."""
        self.owner.check()
        now = monotonic()
        self._account(slot, now)
        if is_usable and not slot.is_spoilt:
            self._place(slot, now)
        else:
            self._discard(slot, Close.INVALIDATED)

    def renew(self, slot: Slot[C], is_closed: Callable[[], bool]) -> None:
        """Take note that the user of a place made a new connection there."""
        slot.is_closed, slot.is_spoilt = is_closed, False
        if slot.generation == self._generation:
            slot.expires_at = monotonic() + self.policy.lifetime()

    def drop(self, slot: Slot[C], reason: Close) -> None:
        """Free the place of a connection that somebody else closed; callable from anywhere."""
        if self.owner.is_here:
            self._drop(slot, reason)
            return
        loop = self.owner.loop
        # The garbage collector runs in any thread, and also when the loop is gone.
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._drop, slot, reason)

    async def close(self) -> None:
        """Close the free connections and wait for that; the others are closed on return."""
        self.owner.check()
        self._stop()
        self.retire(Close.DISPOSED)
        if not self._queue:
            for task in self._openings:
                task.cancel()
        while pending := self._tasks | (set() if self._queue else self._openings):
            await asyncio.wait(pending)

    def abandon(self) -> None:
        """Close the free connections at once, where no waiting is possible."""
        self._stop()
        self._age(Close.DISPOSED)
        while self._idle:
            slot = self._idle.pop()
            self._slots.discard(slot)
            self.tally.closed[Close.DISPOSED] += 1
            # After a fork the sockets, and what watches them, are the parent's, too.
            if not self.owner.is_forked:
                self._link.terminate(slot.connection)

    # Waiting.

    @property
    def is_full(self) -> bool:
        """Whether the next caller is refused: every connection is in use, and the queue is full."""
        most = self.policy.max_waiting
        if most is None:
            return False
        # Callers for whom a connection is free, or can be opened, do not wait for other callers.
        free = self.policy.limit - len(self._slots) + len(self._idle)
        # The line may hold callers that gave up; to count the others takes longer.
        return len(self._line) - free >= most and self._queue.exact() - free >= most

    def refuse_if_full(self) -> None:
        """Raise at once what ``acquire`` would raise, where as many wait as may.

        Raises:
            PoolSaturated: As many wait as may.
        """
        if self.is_full:
            self.tally.saturated += 1
            raise PoolSaturated(
                f"The pool {self.name!r} is full and {len(self._queue)} callers wait already "
                f"({self._figures()}).{say(self._slots, monotonic())}",
                hint="Hold connections for a shorter time, or raise max_waiting or pool_size.",
            ) from self.outage.error

    def _new_waiter(self, now: float, deadline: float, stack: Stack) -> Waiter[C]:
        self.refuse_if_full()
        future: asyncio.Future[Slot[C]] = asyncio.get_running_loop().create_future()
        # Short outages are waited out; in a long one callers hear at once that it goes on.
        is_patient = not self.outage.lasts(self.policy.timeout, now)
        return Waiter(future, now, deadline, is_patient, get_route(), stack)

    async def _wait(self, waiter: Waiter[C], *, at_front: bool) -> Slot[C]:
        self._queue.join(waiter, at_front=at_front)
        if self._alarm is None or waiter.deadline < self._alarm_at:
            self._set_alarm(waiter.deadline)
        self._open_more()
        try:
            return await waiter.future
        except asyncio.CancelledError:
            self._cancelled(waiter)
            raise

    def _set_alarm(self, when: float) -> None:
        # One for all: a timer for each waiter would cost more than the rest of its waiting.
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = when
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(max(0.0, when - monotonic()), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        waiting, now = self._queue.present(), monotonic() + TICK
        for waiter in waiting:
            if waiter.deadline <= now:
                self._give_up(waiter)
        later = [waiter.deadline for waiter in waiting if waiter.deadline > now]
        if later:
            self._set_alarm(min(later))

    def _cancelled(self, waiter: Waiter[C]) -> None:
        future = waiter.future
        if future.cancelled():
            self._queue.leave(waiter)
        elif future.exception() is None:
            # It got its connection and was cancelled before it could run: the next one gets it.
            slot = future.result()
            now = monotonic()
            self._account(slot, now)
            self._place(slot, now)

    def _give_up(self, waiter: Waiter[C]) -> None:
        if waiter.future.done():
            return
        self.tally.timeouts += 1
        waiter.future.set_exception(self._too_late(waiter))
        self._queue.leave(waiter)

    def _too_late(self, waiter: Waiter[C]) -> PoolTimeout:
        now = monotonic()
        waited = now - waiter.began
        self.tally.waits.add(waited)
        away = self.outage.error
        error = PoolTimeout(
            f"The pool {self.name!r} had no connection within {waited * 1000:.0f} ms "
            f"({self._figures()}).{say(self._slots, now)}",
            hint="The last attempt to connect failed; its error is the cause of this one."
            if away is not None
            else "Hold connections for a shorter time, or raise pool_size or max_overflow.",
        )
        error.__cause__ = away
        return error

    def _figures(self) -> str:
        return (
            f"total {self.idle + self.active}, active {self.active}, idle {self.idle}, "
            f"waiting {self.waiting}, opening {self._opening}, limit {self.policy.limit:g}"
        )

    # Handing out.

    def _next_idle(self, now: float) -> Slot[C] | None:
        while self._idle:
            slot = self._take_idle()
            if slot.is_closed():
                self._end(slot, Close.SERVER)
                # They went with the same server, whether the news has arrived or not.
                self.retire(Close.SERVER)
                self._open_more()
            elif now >= slot.expires_at:
                self._discard(slot, Close.LIFETIME)
            else:
                return slot
        return None

    async def _check(self, slot: Slot[C], waiter: Waiter[C]) -> bool:
        limit = min(self.policy.connect_timeout, waiter.deadline - monotonic())
        try:
            await self._link.ping(slot.connection, timeout=limit)
        except Exception:  # noqa: BLE001 - whatever it is, the connection is not usable
            self._end(slot, Close.CHECK)
            # A caller in a hurry proves nothing about the other connections.
            if limit >= self.policy.connect_timeout or monotonic() < waiter.deadline - TICK:
                self.retire(Close.CHECK)
            return False
        except BaseException:
            # Cancelled in the middle of the ping: an answer may still be on its way.
            self._end(slot, Close.INVALIDATED)
            raise
        if slot.generation != self._generation:
            self._discard(slot, self._retired)
            return False
        now = monotonic()
        self.tally.after_wait(now - waiter.began)
        self._lend(slot, now, waiter.route)
        slot.stack = waiter.stack
        return True

    def _lend(self, slot: Slot[C], now: float, route: str | None) -> None:
        slot.held_since = now
        slot.route = route
        if not self.holders.is_watching:
            self.holders.watch(self._slots)

    def _account(self, slot: Slot[C], now: float) -> None:
        self.tally.held(now - slot.held_since, slot.route)
        if slot.is_named:
            self.holders.came_back(slot, now)
        slot.held_since = 0.0
        slot.stack = ()

    def _place(self, slot: Slot[C], now: float) -> None:
        """Give a connection to the oldest waiter, else keep it, else close it."""
        if slot.is_closed():
            self._end(slot, Close.SERVER)
        elif slot.generation != self._generation:
            self._discard(slot, self._retired)
        elif now > slot.expires_at:
            # Not >=: with ``recycle=0`` a new connection is used once, not thrown away unused.
            self._discard(slot, Close.LIFETIME)
        elif (waiter := self._queue.next()) is not None:
            self.tally.after_wait(now - waiter.began)
            self._lend(slot, now, waiter.route)
            slot.stack = waiter.stack
            waiter.future.set_result(slot)
        elif self._is_closed:
            self._discard(slot, Close.DISPOSED)
        elif len(self._idle) >= self._room:
            self._discard(slot, Close.OVERFLOW)
        else:
            slot.idle_since = now
            self._idle.append(slot)
            if self._shrink is None:
                self._plan_shrink()

    def _drop(self, slot: Slot[C], reason: Close) -> None:
        if slot not in self._slots:
            return
        self._account(slot, monotonic())
        self.tally.closed[reason] += 1
        self._slots.discard(slot)
        self._open_more()

    def _stop(self) -> None:
        self._is_closed = True
        self._room = 0
        for timer in (self._retry, self._shrink):
            if timer is not None:
                timer.cancel()
        self._retry = self._shrink = None
        if self._alarm is not None and not self._queue:
            self._alarm.cancel()
            self._alarm = None
        self.holders.stop()
