"""Which caller gets which connection, and which callers wait; in plain asyncio.

It knows neither SQLAlchemy nor a driver; connections come from a :class:`Link`. Everything that
changes its state runs in one event loop without an ``await`` in between, so a caller can be
cancelled only while it waits in the queue or for a ping.
"""

import asyncio
import math
from contextvars import Context, copy_context
from functools import partial
from threading import get_ident
from time import monotonic
from typing import TypeVar

from wellhead.errors import PoolSaturated, PoolTimeout
from wellhead.pool.holders import Holders, get_route, say, warn_stayed, warn_unclean
from wellhead.pool.owner import Advice, is_cancelled, later
from wellhead.pool.policy import PoolPolicy, wait_of
from wellhead.pool.slots import Close, Link, Slot, Stack, Waiter
from wellhead.pool.stats import BATCH, PoolStats
from wellhead.pool.stock import GOODBYE, TICK, Stock

C = TypeVar("C")


class Core(Stock[C]):
    """Hands out connections of one kind.

    Its methods come in the order of a connection's use: it is acquired, or a caller waits for it;
    it is released and goes to the next caller. Opening it before that and closing it after that
    are in :class:`Stock`.

    Args:
        link: Opens and closes connections.
        policy: The settings.
        name: For messages.
        advice: The hints for a use from another event loop; None for those of a pool.
    """

    __slots__ = (
        "_alarm", "_alarm_at", "_check_after", "_holds", "_line", "_take_idle", "_untake_idle",
        "holders",
    )  # fmt: skip

    def __init__(
        self, link: Link[C], policy: PoolPolicy, *, name: str, advice: Advice | None = None
    ) -> None:
        super().__init__(link, policy, name=name, advice=advice)
        self.holders: Holders[C] = Holders(name, policy.leak_threshold)
        # The timer for the waiters' deadlines.
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        # Cached here, because every acquire and release needs them.
        after = policy.check_after_idle
        self._check_after = math.inf if after is None else after
        lifo = policy.use_lifo
        self._take_idle = self._idle.pop if lifo else self._idle.popleft
        self._untake_idle = self._idle.append if lifo else self._idle.appendleft
        self._line = self._queue.line
        self._holds = self.tally.hold.fresh

    # Figures.

    @property
    def lent(self) -> tuple[Slot[C], ...]:
        """The slots that are in use; callable from any thread."""
        return tuple(slot for slot in tuple(self._slots) if slot.held_since)

    @property
    def is_full(self) -> bool:
        """Whether the next caller is refused: every connection is in use, and the queue is full."""
        most = self.policy.max_waiting
        if most is None:
            return False
        # If a connection is idle or can be opened, callers do not wait for other callers. There are
        # fewer than none if the pool was made smaller than the number in use.
        free = max(0, self._limit - len(self._slots) + len(self._idle))
        # The queue can contain callers that gave up; counting the others takes longer.
        return len(self._line) - free >= most and self._queue.exact() - free >= most

    def stats(self, *, reason: str) -> PoolStats:
        """A snapshot of the figures; costs microseconds and never waits."""
        policy, tally = self.policy, self.tally
        held = sum(slot.held_since > 0.0 for slot in self._slots)
        return PoolStats(
            mode="pool",
            reason=reason,
            pool_size=policy.pool_size,
            max_overflow=policy.max_overflow if policy.max_overflow >= 0 else None,
            checked_in=self.idle,
            checked_out=self.active,
            overflow=(
                max(0, self.idle + self.active - policy.pool_size) if policy.pool_size else 0
            ),
            waiting=len(self._queue),
            opening=self._opening,
            closing=self._closing,
            max_waiting=policy.max_waiting,
            is_full=self.is_full,
            acquired=tally.acquired(held),
            timeouts=tally.timeouts,
            saturated=tally.saturated,
            opened=tally.opened,
            failed_connects=tally.failed_connects,
            closed=tally.closed_by_reason(),
            wait=tally.wait(held),
            hold=tally.hold.read(),
            connect=tally.connect.read(),
            routes=tally.held_by_route(),
        )

    # Acquiring a connection.

    async def acquire(self, stack: Stack = (), timeout: float | None = None) -> Slot[C]:
        """A connection, within ``timeout`` seconds (the policy's by default).

        Raises:
            PoolTimeout: There was none in time.
            PoolSaturated: The queue is full.
            PoolMisuseError: Called from another event loop, or after a fork.
            Exception: What opening a connection raised, if waiting does not help.
        """
        return self.take(stack) or await self.wait(stack, timeout)

    def take(self, stack: Stack = ()) -> Slot[C] | None:
        """An idle connection if one is available without waiting, neither in line nor for a ping.

        Raises:
            PoolMisuseError: Called from another event loop, or after a fork.
        """
        # Like _next_idle, but without its call: this runs for every use of a connection.
        owner = self.owner
        if get_ident() != owner.thread or not owner.is_running():
            owner.check()
        if self._line:
            return None
        now = monotonic()
        while self._idle:
            slot = self._take_idle()
            if now >= slot.expires_at or not slot.is_free():
                self._discard_unfit(slot)
            elif now - slot.idle_since >= self._check_after:
                self._untake_idle(slot)
                return None
            else:
                slot.held_since = now
                slot.route = get_route()
                if stack:
                    slot.stack = stack
                    slot.context = copy_context()
                if not self.holders.is_watching:
                    self.holders.watch(self._slots)
                return slot
        return None

    async def wait(self, stack: Stack = (), timeout: float | None = None) -> Slot[C]:
        """The rest of ``acquire`` when ``take`` returned nothing."""
        now = monotonic()
        deadline = now + (self.policy.timeout if timeout is None else wait_of(timeout))
        self.refuse_if_full()
        future: asyncio.Future[Slot[C]] = asyncio.get_running_loop().create_future()
        # Callers wait out short outages; during a long one they fail at once.
        is_patient = self.is_patient and not self.outage.lasts(self.policy.timeout, now)
        context = copy_context() if stack else None
        waiter = Waiter(future, now, deadline, is_patient, get_route(), stack, context)
        had_its_turn = False
        # No caller may queue while a connection is idle: it would not be woken.
        while not self._queue and (slot := self._next_idle(monotonic())) is not None:
            had_its_turn = True
            if await self._check(slot, waiter):
                return slot
            if monotonic() >= deadline:
                break
        return await self._stand_in_line(waiter, at_front=had_its_turn)

    def refuse_if_full(self) -> None:
        """Raise at once what ``acquire`` would raise if the queue is full.

        Raises:
            PoolSaturated: The queue is full.
        """
        if self.is_full:
            self.tally.saturated += 1
            raise PoolSaturated(
                f"The pool {self.name!r} is full and {len(self._queue)} callers wait already "
                f"({self._figures()}).{say(self._slots, monotonic())}",
                hint="Hold connections for a shorter time, or raise max_waiting or pool_size.",
            ) from self.outage.error

    def _next_idle(self, now: float) -> Slot[C] | None:
        while self._idle:
            slot = self._take_idle()
            if now < slot.expires_at and slot.is_free():
                return slot
            self._discard_unfit(slot)
        return None

    async def _check(self, slot: Slot[C], waiter: Waiter[C]) -> bool:
        """Ping a connection, and hand it out if that succeeds."""
        limit = min(self.policy.connect_timeout, waiter.deadline - monotonic())
        try:
            await self._link.ping(slot.connection, timeout=limit)
        except Exception:  # noqa: BLE001 - any failure makes the connection unusable
            # A caller with a short timeout proves nothing about the other connections.
            if limit >= self.policy.connect_timeout or monotonic() < waiter.deadline - TICK:
                self.retire(Close.CHECK)
            self._end(slot, Close.CHECK)
            return False
        except BaseException as error:
            # Cancelled during the ping: a response may still be on its way.
            self._end(slot, Close.INVALIDATED)
            if isinstance(error, asyncio.CancelledError) and not is_cancelled():
                return False
            raise
        if slot.generation != self._generation:
            self._discard(slot, self._retired)
            return False
        self._lend(slot, waiter, monotonic())
        return True

    # Waiting in line.

    async def _stand_in_line(self, waiter: Waiter[C], *, at_front: bool) -> Slot[C]:
        self._queue.join(waiter, at_front=at_front)
        if self._alarm is None or waiter.deadline < self._alarm_at:
            self._set_alarm(waiter.deadline)
        self._open_more()
        try:
            return await waiter.future
        except BaseException:
            # Cancelled, its coroutine was closed, or its future got an exception.
            self._withdraw(waiter)
            raise

    def _set_alarm(self, when: float) -> None:
        # One timer for all: one per waiter would cost more than the rest of its wait.
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = when
        self._alarm = later(when - monotonic(), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        waiting, now = self._queue.present(), monotonic() + TICK
        for waiter in waiting:
            if waiter.deadline <= now:
                self._give_up(waiter)
        later = [waiter.deadline for waiter in waiting if waiter.deadline > now]
        if later:
            self._set_alarm(min(later))

    def _give_up(self, waiter: Waiter[C]) -> None:
        if waiter.future.done():
            return
        self.tally.timeouts += 1
        waiter.future.set_exception(self._too_late(waiter))
        self._queue.leave()
        self._tell()

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

    def _withdraw(self, waiter: Waiter[C]) -> None:
        future = waiter.future
        if future.cancel() or future.cancelled():
            self._queue.leave()
            self._tell()
        elif future.exception() is None:
            # It got a connection and was cancelled before it could run: the next waiter gets it.
            slot = future.result()
            now = monotonic()
            self._account(slot, now)
            self._hand_over(slot, now)

    # Releasing a connection.

    def release(self, slot: Slot[C], *, is_usable: bool = True, is_clean: bool = True) -> None:
        """Release a connection; it goes straight to the caller that has waited longest.

        Args:
            slot: What ``acquire`` returned.
            is_usable: Whether the connection can be used again; False closes it.
            is_clean: Whether it is certain that the connection has no session state that would
                outlive this use; False resets it before it is handed out again.

        Raises:
            PoolMisuseError: Called from another event loop, or after a fork.
        """
        now = monotonic()
        idle = self._idle
        if (
            is_usable
            and is_clean
            and now < slot.expires_at
            and len(idle) < self._room
            and not (self._line or slot.is_named)
            and slot.is_free()
        ):
            # The common case of the code below, without its calls, which would make a block of
            # ``DriverPool`` take 40 % longer.
            if slot.route is None and len(self._holds) < BATCH:
                self._holds.append(now - slot.held_since)
            else:
                self.tally.held(now - slot.held_since, slot.route)
            slot.held_since = 0.0
            slot.stack = ()
            slot.context = None
            slot.idle_since = now
            idle.append(slot)
            if self._shrink is None:
                self._plan_shrink()
            return
        self.owner.check()
        route = slot.route
        self._account(slot, now)
        if slot.is_closed():
            self._end(slot, Close.SERVER)
        elif not is_usable or slot.is_spoilt:
            self._abort(slot, Close.INVALIDATED)
        elif not slot.is_free():
            warn_unclean(self.name, route)
            self._abort(slot, Close.UNCLEAN)
        elif is_clean or now > slot.expires_at:
            self._hand_over(slot, now)
        else:
            self._resetting += 1
            self._start(partial(self._link.reset, slot.connection), partial(self._was_reset, slot))

    def _was_reset(self, slot: Slot[C], error: BaseException | None) -> None:
        self._resetting -= 1
        if error is None:
            self._hand_over(slot, monotonic())
        else:
            self._end(slot, Close.UNCLEAN)

    def renew(self, slot: Slot[C]) -> None:
        """Note that the user of a slot made a new connection in it."""
        slot.is_closed = self._link.closed_check(slot.connection)
        slot.is_free = self._link.free_check(slot.connection)
        slot.is_spoilt = False
        if slot.generation == self._generation:
            slot.expires_at = monotonic() + self.policy.lifetime()

    def drop(self, slot: Slot[C], reason: Close) -> None:
        """Free the slot of a connection that its user closed; callable from any thread."""
        if self.owner.is_here:
            self._drop(slot, reason)
            return
        loop = self.owner.loop
        # The garbage collector runs in any thread, and also after the loop has ended.
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._drop, slot, reason, context=Context())

    def _drop(self, slot: Slot[C], reason: Close) -> None:
        if slot not in self._slots:
            return
        self._account(slot, monotonic())
        self.tally.closed[reason] += 1
        self._forget(slot, is_closed=True)

    def _account(self, slot: Slot[C], now: float) -> None:
        self.tally.held(now - slot.held_since, slot.route)
        if slot.is_named:
            self.holders.came_back(slot, now)
        slot.held_since = 0.0
        slot.stack = ()
        slot.context = None

    # Handing a connection to the next caller.

    def _hand_over(self, slot: Slot[C], now: float) -> None:
        """Give a connection to the oldest waiter, else keep it, else close it."""
        if slot.is_closed():
            self._end(slot, Close.SERVER)
        elif slot.generation != self._generation:
            self._discard(slot, self._retired)
        elif now > slot.expires_at:
            # Not >=: with ``recycle=0`` a new connection is used once, not closed unused.
            self._discard(slot, Close.LIFETIME)
        elif self._is_too_large:
            # The pool was made smaller.
            self._discard(slot, Close.OVERFLOW)
        elif (waiter := self._queue.next()) is not None:
            self._lend(slot, waiter, now)
            waiter.future.set_result(slot)
        elif self.is_closed:
            self._discard(slot, Close.DISPOSED)
        elif len(self._idle) >= self.policy.kept:
            self._discard(slot, Close.OVERFLOW)
        else:
            slot.idle_since = now
            self._idle.append(slot)
            if self._shrink is None:
                self._plan_shrink()

    def _lend(self, slot: Slot[C], waiter: Waiter[C], now: float) -> None:
        self.tally.after_wait(now - waiter.began)
        slot.held_since = now
        slot.route = waiter.route
        slot.stack, slot.context = waiter.stack, waiter.context
        if not self.holders.is_watching:
            self.holders.watch(self._slots)

    # Closing the pool.

    async def close(self, *, grace: float = 0.0) -> None:
        """Close the idle connections and wait for that; others are closed on return.

        Args:
            grace: Seconds to wait first for callers that hold connections or wait for one.
        """
        self.owner.check()
        self._stop()
        self.retire(Close.DISPOSED)
        is_unused = await self._see(lambda: not (self.active or self._queue), monotonic() + grace)
        if grace and not is_unused:
            warn_stayed(self.name, self._slots, len(self._queue), grace)
        if not self._queue:
            for errand in self._openings:
                errand.cancel(GOODBYE)
        # Everything in progress ends in time.
        await self._see(lambda: not (self._errands or (self._openings and not self._queue)))

    @property
    def is_left_open(self) -> bool:
        """Whether it has connections and was not closed, in the process to which it belongs."""
        has_some = bool(self._slots or self._openings)
        return has_some and not self.is_closed and not self.owner.is_forked

    def leave(self) -> None:
        """Close idle connections, from any thread, if the pool's loop still exists."""
        loop = self.owner.loop
        if self.owner.is_here:
            self.abandon()
        elif loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self.abandon, context=Context())

    def abandon(self) -> None:
        """Close the idle connections at once, where waiting is impossible.

        If the pool's loop has ended, also those in use: they cannot be returned any more.
        """
        self._stop()
        self._age(Close.DISPOSED)
        for slot in tuple(self._slots if self.owner.has_ended else self._idle):
            self._slots.discard(slot)
            self.tally.closed[Close.DISPOSED] += 1
            # After a fork, the sockets and their watchers belong to the parent, too.
            if not self.owner.is_forked:
                self._link.terminate(slot.connection)
        self._idle.clear()

    def _stop(self) -> None:
        self.is_closed = True
        self._room = 0
        for timer in (self._shrink, self._aging):
            if timer is not None:
                timer.cancel()
        self._shrink = self._aging = None
        if not self._queue:
            for timer in (self._alarm, self._retry):
                if timer is not None:
                    timer.cancel()
            self._alarm = self._retry = None
        self.holders.stop()
        # After a fork, the parent is watching by the same file descriptor.
        if not self.owner.is_forked:
            self._link.unwatch()
