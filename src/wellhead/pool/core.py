"""The pool itself, in plain asyncio: which caller gets which connection, and which callers wait.

It knows neither SQLAlchemy nor a driver; connections come from a :class:`Link`. Everything that
changes its state runs in one event loop and without an ``await`` in between, so a cancelled caller
can be met only where it waits for its turn or for a ping.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from threading import get_ident
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

from wellhead.errors import PoolSaturated, PoolTimeout
from wellhead.pool.holders import Holders, get_route, say, warn_unclean
from wellhead.pool.outage import Outage, will_pass
from wellhead.pool.owner import Owner
from wellhead.pool.policy import PoolPolicy
from wellhead.pool.slots import Close, Queue, Slot, Stack, Waiter
from wellhead.pool.stats import BATCH, PoolStats, Tally

C = TypeVar("C")

GOODBYE = 2.0
"""Seconds that closing a connection in order may take."""

TICK = 0.002
"""Seconds by which a loop's timer may come early: uvloop counts in milliseconds."""

_LOST = frozenset({Close.SERVER, Close.CHECK})


class Link(Protocol[C]):
    """How a pool opens, watches and closes connections of one kind."""

    async def open(self, *, timeout: float) -> C:
        """Open a connection in so many seconds; what it raises is a failure to connect."""
        ...

    def closed_check(self, connection: C) -> Callable[[], bool]:
        """A function that says whether the driver knows that the connection is closed."""
        ...

    def free_check(self, connection: C) -> Callable[[], bool]:
        """A function that says whether the connection can be lent; sends nothing.

        It is open then, outside a transaction, and without an operation in progress.
        """
        ...

    def opened(self, slot: Slot[C]) -> None:
        """Take note of the slot of a new connection."""
        ...

    async def ping(self, connection: C, *, timeout: float) -> None:
        """One round trip; raises when there is no response in time."""
        ...

    async def reset(self, connection: C) -> None:
        """Take back what a caller set; may be cut off after :data:`GOODBYE` seconds.

        Raises:
            Exception: That is not possible.
        """
        ...

    async def abort(self, connection: C) -> None:
        """Have the server cancel what it is doing, and close; may be cut off likewise."""
        ...

    async def close(self, connection: C) -> None:
        """Say goodbye and close; may be cut off after :data:`GOODBYE` seconds."""
        ...

    def terminate(self, connection: C) -> None:
        """Close at once, without a word to the server."""
        ...


class Core(Generic[C]):
    """Hands out connections of one kind.

    Its methods come in the order in which a connection meets them: it is taken, or a caller waits
    for it; it comes back and goes to the next caller; it was opened before all that; it gets old
    and is closed.

    Args:
        link: Opens and closes connections.
        policy: The knobs.
        name: For messages.
    """

    __slots__ = (
        "_alarm", "_alarm_at", "_check_after", "_closing", "_generation", "_holds", "_idle",
        "_is_closed", "_limit", "_line", "_link", "_opening", "_openings", "_queue", "_resetting",
        "_retired", "_retry", "_room", "_shrink", "_slots", "_take_idle", "_tasks", "_untake_idle",
        "holders", "name", "outage", "owner", "policy", "tally",
    )  # fmt: skip

    def __init__(self, link: Link[C], policy: PoolPolicy, *, name: str) -> None:
        self.policy = policy
        self.name = name
        self.tally = Tally()
        self.outage = Outage(name, memory=policy.timeout)
        self.owner = Owner(name)
        self.holders: Holders[C] = Holders(name, policy.leak_threshold)
        self._link = link
        # Every slot, and those of them whose connection is free.
        self._slots: set[Slot[C]] = set()
        self._idle: deque[Slot[C]] = deque()
        self._queue: Queue[C] = Queue()
        # Connections that are being opened have no slot yet; those being closed still have theirs.
        self._opening = 0
        self._closing = 0
        # Connections that are being reset will be free in a moment.
        self._resetting = 0
        # Connections of an earlier generation are closed, for the reason why it ended.
        self._generation = 0
        self._retired = Close.INVALIDATED
        self._is_closed = False
        self._openings: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        # The timers: for the waiters' deadlines, the next attempt to connect, and idle connections.
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self._retry: asyncio.TimerHandle | None = None
        self._shrink: asyncio.TimerHandle | None = None
        # Looked up here once, because taking and giving back need them each time.
        self._limit = policy.limit
        self._room = policy.kept
        after = policy.check_after_idle
        self._check_after = math.inf if after is None else after
        lifo = policy.use_lifo
        self._take_idle = self._idle.pop if lifo else self._idle.popleft
        self._untake_idle = self._idle.append if lifo else self._idle.appendleft
        self._line = self._queue.line
        self._holds = self.tally.hold.fresh

    # Figures.

    @property
    def idle(self) -> int:
        """Open connections that are free."""
        return len(self._idle)

    @property
    def active(self) -> int:
        """Connections in use, those that are being pinged included."""
        return len(self._slots) - len(self._idle) - self._closing

    @property
    def is_full(self) -> bool:
        """Whether the next caller is refused: every connection is in use, and the queue is full."""
        most = self.policy.max_waiting
        if most is None:
            return False
        # Callers for whom a connection is free, or can be opened, do not wait for other callers.
        free = self._limit - len(self._slots) + len(self._idle)
        # The line may hold callers that gave up; to count the others takes longer.
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

    def _figures(self) -> str:
        return (
            f"total {self.idle + self.active}, active {self.active}, idle {self.idle}, "
            f"waiting {len(self._queue)}, opening {self._opening}, limit {self._limit:g}"
        )

    # Taking a connection.

    async def acquire(self, stack: Stack = (), timeout: float | None = None) -> Slot[C]:
        """A connection, within ``timeout`` seconds (the policy's by default).

        Raises:
            PoolTimeout: There was none in time.
            PoolSaturated: The queue is full.
            PoolMisuseError: Called from another event loop, or after a fork.
            Exception: What opening a connection raised, where waiting does not help.
        """
        return self.take(stack) or await self.wait(stack, timeout)

    def take(self, stack: Stack = ()) -> Slot[C] | None:
        """A free connection, if that needs no waiting: neither in line nor for a ping.

        Raises:
            PoolMisuseError: Called from another event loop, or after a fork.
        """
        # As _next_idle, without its call: this runs for every use of a connection.
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
                slot.stack = stack
                if not self.holders.is_watching:
                    self.holders.watch(self._slots)
                return slot
        return None

    async def wait(self, stack: Stack = (), timeout: float | None = None) -> Slot[C]:
        """What ``acquire`` does once ``take`` gave nothing."""
        now = monotonic()
        deadline = now + (self.policy.timeout if timeout is None else timeout)
        self.refuse_if_full()
        future: asyncio.Future[Slot[C]] = asyncio.get_running_loop().create_future()
        # Short outages are waited out; in a long one callers hear at once that it goes on.
        is_patient = not self.outage.lasts(self.policy.timeout, now)
        waiter = Waiter(future, now, deadline, is_patient, get_route(), stack)
        had_its_turn = False
        # No caller may stand in line while a connection is free: it would not be called.
        while not self._queue and (slot := self._next_idle(monotonic())) is not None:
            had_its_turn = True
            if await self._check(slot, waiter):
                return slot
            if monotonic() >= deadline:
                break
        return await self._stand_in_line(waiter, at_front=had_its_turn)

    def refuse_if_full(self) -> None:
        """Raise at once what ``acquire`` would raise, where the queue is full.

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

    def _discard_unfit(self, slot: Slot[C]) -> None:
        """Close a connection that is closed already, still in use by a task, or too old."""
        if slot.is_closed():
            self._end(slot, Close.SERVER)
            # The others went with the same server, whether the news has arrived or not.
            self.retire(Close.SERVER)
            self._open_more()
        elif slot.is_free():
            self._discard(slot, Close.LIFETIME)
        else:
            self._abort(slot, Close.UNCLEAN)

    async def _check(self, slot: Slot[C], waiter: Waiter[C]) -> bool:
        """Ping a connection, and hand it out where that succeeds."""
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
            # Cancelled in the middle of the ping: a response may still be on its way.
            self._end(slot, Close.INVALIDATED)
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

    def _give_up(self, waiter: Waiter[C]) -> None:
        if waiter.future.done():
            return
        self.tally.timeouts += 1
        waiter.future.set_exception(self._too_late(waiter))
        self._queue.leave()

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

    def _cancelled(self, waiter: Waiter[C]) -> None:
        future = waiter.future
        if future.cancelled():
            self._queue.leave()
        elif future.exception() is None:
            # It got its connection and was cancelled before it could run: the next one gets it.
            slot = future.result()
            now = monotonic()
            self._account(slot, now)
            self._hand_over(slot, now)

    # Giving a connection back.

    def release(self, slot: Slot[C], *, is_usable: bool = True, is_clean: bool = True) -> None:
        """Take a connection back; it goes straight to the caller that has waited longest.

        Args:
            slot: What ``acquire`` returned.
            is_usable: Whether the connection can be used again; False closes it.
            is_clean: Whether it is certain that nothing was set on it that would outlive the use;
                False resets it before it is handed out again.

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
            # The usual case of what follows, without its calls, which would make a block of
            # ``DriverPool`` take 40 % longer.
            if slot.route is None and len(self._holds) < BATCH:
                self._holds.append(now - slot.held_since)
            else:
                self.tally.held(now - slot.held_since, slot.route)
            slot.held_since = 0.0
            slot.stack = ()
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
            self._start(self._reset(slot))

    async def _reset(self, slot: Slot[C]) -> None:
        """Take back what a caller set, and hand the connection over then."""
        is_reset = False
        try:
            async with asyncio.timeout(GOODBYE):
                await self._link.reset(slot.connection)
            is_reset = True
        except Exception:  # noqa: BLE001 - whatever it is, the connection is not usable
            is_reset = False
        finally:
            self._resetting -= 1
            if is_reset:
                self._hand_over(slot, monotonic())
            else:
                self._end(slot, Close.UNCLEAN)

    def renew(self, slot: Slot[C]) -> None:
        """Take note that the user of a slot made a new connection in it."""
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
        # The garbage collector runs in any thread, and also when the loop is gone.
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._drop, slot, reason)

    def _drop(self, slot: Slot[C], reason: Close) -> None:
        if slot not in self._slots:
            return
        self._account(slot, monotonic())
        self.tally.closed[reason] += 1
        self._slots.discard(slot)
        self._open_more()

    def _account(self, slot: Slot[C], now: float) -> None:
        self.tally.held(now - slot.held_since, slot.route)
        if slot.is_named:
            self.holders.came_back(slot, now)
        slot.held_since = 0.0
        slot.stack = ()

    # Handing a connection to the next caller.

    def _hand_over(self, slot: Slot[C], now: float) -> None:
        """Give a connection to the oldest waiter, else keep it, else close it."""
        if slot.is_closed():
            self._end(slot, Close.SERVER)
        elif slot.generation != self._generation:
            self._discard(slot, self._retired)
        elif now > slot.expires_at:
            # Not >=: with ``recycle=0`` a new connection is used once, not thrown away unused.
            self._discard(slot, Close.LIFETIME)
        elif (waiter := self._queue.next()) is not None:
            self._lend(slot, waiter, now)
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

    def _lend(self, slot: Slot[C], waiter: Waiter[C], now: float) -> None:
        self.tally.after_wait(now - waiter.began)
        slot.held_since = now
        slot.route = waiter.route
        slot.stack = waiter.stack
        if not self.holders.is_watching:
            self.holders.watch(self._slots)

    # Opening connections: in tasks of the pool, and one at a time in an outage.

    async def open_one(self) -> None:
        """Open a connection and put it in the pool, or raise why that is not possible.

        Nothing is tried again. Does nothing when there is a free one already.
        """
        self.owner.check()
        if self._idle or len(self._slots) + self._opening >= self._limit:
            return
        self._opening += 1
        error = await self._open()
        if error is not None:
            if self._queue:
                # A waiter counted on this one.
                self._open_more()
            raise error

    def _open_more(self) -> None:
        """Open what waiters and the warm minimum need; while the database is away, one to see."""
        needed = len(self._queue) - self._opening - self._resetting
        if not self._is_closed:
            missing = self.policy.min_idle - (len(self._slots) - self._closing) - self._opening
            needed = max(needed, missing)
        room = self._limit - len(self._slots) - self._opening
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
        slot = Slot(
            connection,
            self._link.closed_check(connection),
            self._link.free_check(connection),
            now + self.policy.lifetime(),
            generation,
        )
        self._link.opened(slot)
        self._slots.add(slot)
        self._hand_over(slot, now)
        self._open_more()
        return None

    # Closing connections.

    def retire(self, reason: Close) -> None:
        """Use none of the present connections again: close the free ones, the others on return."""
        self._age(reason)
        while self._idle:
            self._discard(self._idle.pop(), reason)

    def _age(self, reason: Close) -> None:
        self._generation += 1
        self._retired = reason
        # So that giving back has one thing to look at; the generation tells why.
        for slot in self._slots:
            slot.expires_at = -math.inf

    def _discard(self, slot: Slot[C], reason: Close) -> None:
        """Close a connection in order, in the background; it counts until it is closed."""
        if reason in _LOST:
            self._end(slot, reason)
            return
        self.tally.closed[reason] += 1
        self._closing += 1
        self._start(self._say_goodbye(slot, self._link.close))

    def _abort(self, slot: Slot[C], reason: Close) -> None:
        """Close a connection on which something may be under way; it counts until then."""
        self.tally.closed[reason] += 1
        self._closing += 1
        self._start(self._say_goodbye(slot, self._link.abort))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _say_goodbye(self, slot: Slot[C], close: Callable[[C], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(GOODBYE):
                await close(slot.connection)
        except Exception:  # noqa: BLE001 - it is closed the hard way then
            self._link.terminate(slot.connection)
        except BaseException:
            self._link.terminate(slot.connection)
            raise
        finally:
            self._closing -= 1
            self._slots.discard(slot)
            self._open_more()

    def _end(self, slot: Slot[C], reason: Close) -> None:
        """Close a connection at once."""
        self.tally.closed[reason] += 1
        self._slots.discard(slot)
        self._link.terminate(slot.connection)
        if self._queue:
            self._open_more()

    def _plan_shrink(self) -> None:
        after = self.policy.idle_timeout
        if after is None or len(self._slots) - self._closing <= self.policy.min_idle:
            return
        due = self._idle[0].idle_since + after
        loop = asyncio.get_running_loop()
        self._shrink = loop.call_later(max(0.0, due - monotonic()), self._shrink_now)

    def _shrink_now(self) -> None:
        self._shrink = None
        after, now = self.policy.idle_timeout, monotonic()
        while (
            after is not None
            and self._idle
            and now >= self._idle[0].idle_since + after - TICK
            and len(self._slots) - self._closing > self.policy.min_idle
        ):
            self._discard(self._idle.popleft(), Close.IDLE)
        if self._idle:
            self._plan_shrink()

    # Closing the pool.

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
