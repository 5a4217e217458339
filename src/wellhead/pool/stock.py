"""The connections of a pool, without its callers: opened, kept, replaced and closed.

What is not the pool's own code runs in errands, whose ends are reported to plain functions. So its
state changes without an ``await`` in between.
"""

import asyncio
import math
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, Generic, TypeVar

from wellhead.errors import ConnectError, NotOpenError, PoolTimeout, UnreachableError
from wellhead.pool.holders import say_refused
from wellhead.pool.outage import Outage, will_pass
from wellhead.pool.owner import Advice, Errand, Owner, advice_for_pool, is_cancelled, later
from wellhead.pool.policy import PoolPolicy, wait_of
from wellhead.pool.slots import Close, Link, Queue, Slot, Waiter
from wellhead.pool.stats import Tally

C = TypeVar("C")

GOODBYE = 2.0
"""Seconds that closing a connection in order may take."""

TICK = 0.002
"""Seconds by which a loop's timer may come early: uvloop counts in milliseconds."""

_LOST = frozenset({Close.SERVER, Close.CHECK})


class Stock(Generic[C]):
    """Opens connections where callers wait or some are to be kept, and closes them.

    Args:
        link: Opens and closes connections.
        policy: The knobs.
        name: For messages.
        advice: What users are told of a use from another event loop; None for that of a pool.

    Attributes:
        is_closed: Whether the pool was closed; callers that wait are still served.
    """

    __slots__ = (
        "__weakref__", "_aging", "_aging_at", "_closing", "_errands", "_generation", "_idle",
        "_limit", "_link", "_onlookers", "_opening", "_openings", "_queue", "_refusal",
        "_resetting", "_retired", "_retry", "_retry_at", "_room", "_shrink", "_slots", "is_closed",
        "name", "outage", "owner", "policy", "tally",
    )  # fmt: skip

    def __init__(
        self, link: Link[C], policy: PoolPolicy, *, name: str, advice: Advice | None = None
    ) -> None:
        self.policy = policy
        self.name = name
        self.tally = Tally()
        self.outage = Outage(name, memory=policy.timeout)
        self.is_closed = False
        self._link = link
        # Every slot, and those of them whose connection is free.
        self._slots: set[Slot[C]] = set()
        self.owner = Owner(advice or advice_for_pool(name), self._slots)
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
        # Why the last attempt to connect failed, where that does not pass by itself.
        self._refusal: BaseException | None = None
        # What is under way: attempts to connect, and everything else.
        self._openings: set[Errand[Any]] = set()
        self._errands: set[Errand[Any]] = set()
        # Of those who wait for the pool to get as they want it.
        self._onlookers: set[asyncio.Future[None]] = set()
        # The timers: for the next attempt to connect, for connections that have been idle for too
        # long, and for those that get too old.
        self._retry: asyncio.TimerHandle | None = None
        self._retry_at = 0.0
        self._shrink: asyncio.TimerHandle | None = None
        self._aging: asyncio.TimerHandle | None = None
        self._aging_at = 0.0
        # Looked up here once, because taking and giving back need them each time.
        self._limit = policy.limit
        self._room = policy.kept

    @property
    def idle(self) -> int:
        """Open connections that are free."""
        return len(self._idle)

    @property
    def active(self) -> int:
        """Connections in use, those that are being pinged included."""
        return len(self._slots) - len(self._idle) - self._closing

    def _figures(self) -> str:
        return (
            f"total {self.idle + self.active}, active {self.active}, idle {self.idle}, "
            f"waiting {len(self._queue)}, opening {self._opening}, limit {self._limit:g}"
        )

    # What only the pool with its callers can do.

    def _hand_over(self, slot: Slot[C], now: float) -> None:
        """Give a connection to the oldest waiter, else keep it, else close it."""
        raise NotImplementedError

    def _give_up(self, waiter: Waiter[C]) -> None:
        """Tell a waiter that it waited in vain."""
        raise NotImplementedError

    # Opening connections: in tasks of the pool, and one at a time in an outage.

    async def open_one(self) -> None:
        """Open a connection and put it in the pool, or raise why that is not possible.

        Nothing is tried again. Does nothing when there is a free one already.
        """
        loop = self.owner.check()
        if self._idle or len(self._slots) + self._opening >= self._limit:
            return
        heard: asyncio.Future[None] = loop.create_future()
        errand = self._begin_opening(heard)
        try:
            await heard
        except asyncio.CancelledError:
            errand.cancel(GOODBYE)
            raise

    async def warm_up(self, timeout: float | None = None) -> None:
        """Wait until ``min_idle`` connections are open.

        Raises:
            PoolTimeout: They were not within ``timeout`` seconds (the policy's by default).
            NotOpenError: The pool is closed.
            Exception: What opening one raised, where waiting does not help.
        """
        self.owner.check()
        began, limit = monotonic(), self.policy.timeout if timeout is None else wait_of(timeout)
        self._refusal = None

        def is_settled() -> bool:
            if self.is_closed or self._refusal is not None:
                return True
            if not (is_warm := len(self._slots) - self._closing >= self.policy.min_idle):
                self._open_more()
            return is_warm

        if not await self._see(is_settled, began + limit):
            raise PoolTimeout(
                f"The pool {self.name!r} did not have its {self.policy.min_idle} connections "
                f"within {limit:g} s ({self._figures()}).",
                hint="Where attempts to connect failed, the last error is the cause of this one.",
            ) from self.outage.error
        self.refuse_if_closed()
        if self._refusal is not None:
            raise self._refusal

    def _open_more(self) -> None:
        """Open what waiters and the warm minimum need; while the database is away, one to see."""
        waiting, due = len(self._queue), -math.inf
        needed = waiting - self._opening - self._resetting
        if not waiting and not self.is_closed and self._refusal is None:
            present = len(self._slots) - self._closing + self._opening
            needed = self.policy.min_idle - present
            if not self._onlookers:
                # For nobody, one at a time.
                needed, due = min(needed, 1 - self._opening), self.outage.restore_at
        if self.outage.error is not None:
            needed = 0 if self._opening else min(needed, 1)
            due = max(due, self.outage.not_before)
        needed = int(min(needed, self._limit - len(self._slots) - self._opening))
        if needed <= 0:
            return
        if due > monotonic():
            self._try_at(due)
            return
        for _ in range(needed):
            self._begin_opening()

    def _try_at(self, when: float) -> None:
        if self._retry is not None:
            if self._retry_at <= when:
                return
            self._retry.cancel()
        self._retry_at = when
        self._retry = later(when - monotonic(), self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._open_more()

    def _begin_opening(self, heard: "asyncio.Future[None] | None" = None) -> Errand[C]:
        self._opening += 1
        limit = self.policy.connect_timeout
        ended = partial(self._was_opened, monotonic(), self._generation, heard)
        # The link has the time-out; that of the errand is for one that does not heed it.
        errand = Errand(
            partial(self._connect, limit), limit + GOODBYE, ended, late=self._link.terminate
        )
        self._openings.add(errand)
        return errand

    async def _connect(self, timeout: float) -> C:
        try:
            return await self._link.open(timeout=timeout)
        except (Exception, SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            if is_cancelled():
                raise
            # For a caller it would mean that it is being cancelled itself.
            raise ConnectError(
                f"Opening a connection of the pool {self.name!r} ended in {type(error).__name__}, "
                "though nobody cancelled it.",
                hint="Its cause shows which code of connect() or of a listener raised it; a shared "
                "task that was cancelled does so.",
            ) from error

    def _was_opened(
        self,
        began: float,
        generation: int,
        heard: "asyncio.Future[None] | None",
        errand: Errand[C],
        connection: C | None,
        error: BaseException | None,
    ) -> None:
        self._openings.discard(errand)
        self._opening -= 1
        now = monotonic()
        try:
            if error is None:
                error = self._admit(connection, generation, began, now)  # type: ignore[arg-type]
            if error is not None:
                self._was_not_opened(error, heard, now)
            elif heard is not None and not heard.done():
                heard.set_result(None)
        finally:
            # Nothing is begun anew for nobody where the loop is ending, and cancels all tasks.
            if self._queue or not isinstance(error, asyncio.CancelledError):
                self._open_more()
            self._tell()

    def _admit(
        self, connection: C, generation: int, began: float, now: float
    ) -> BaseException | None:
        """Give a new connection its slot, or say why it is of no use."""
        link = self._link
        try:
            slot = Slot(
                connection,
                link.closed_check(connection),
                link.free_check(connection),
                now + self.policy.lifetime(),
                generation,
            )
            if slot.is_closed():
                return UnreachableError("A connection was closed as soon as it was made.")
            link.opened(slot)
            if self.policy.min_idle:
                link.watch(connection, partial(self._lost, weakref.ref(slot)))
        except Exception as error:  # noqa: BLE001 - it is raised where the connection was wanted
            link.terminate(connection)
            return error
        self.tally.opened += 1
        self.tally.connect.add(now - began)
        self.outage.end(now)
        self._refusal = None
        self._slots.add(slot)
        self._hand_over(slot, now)
        self._plan_aging(slot.expires_at)
        return None

    def _was_not_opened(
        self, error: BaseException, heard: "asyncio.Future[None] | None", now: float
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            if heard is not None and not heard.done():
                heard.set_exception(self._closed())
            return
        self.tally.failed_connects += 1
        if passes := will_pass(error):
            self.outage.begin_or_go_on(error, now)
        else:
            self._refusal = error
        if heard is not None and not heard.done():
            heard.set_exception(error)
        elif passes and not self.active:
            # While others hold connections, as at a full server, one of theirs may come back.
            for waiter in self._queue.impatient():
                self._give_up(waiter)
        elif not passes and (oldest := self._queue.next()) is not None:
            oldest.future.set_exception(error)
        elif not passes and not self._onlookers:
            say_refused(self.name, error)

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

    def is_current(self, slot: Slot[C]) -> bool:
        """Whether no earlier generation's end has retired this slot's connection."""
        return slot.generation == self._generation

    def _lost(self, slot: "weakref.ref[Slot[C]]") -> None:
        """Replace a free connection on which the server has hung up; its user sees to any other."""
        lost = slot()
        if lost is None or lost not in self._idle:
            return
        self._idle.remove(lost)
        self.outage.put_off_restoring(monotonic())
        self._discard_unfit(lost)

    def _discard_unfit(self, slot: Slot[C]) -> None:
        """Close a connection that is closed already, still in use by a task, or too old."""
        if slot.is_closed():
            # The others went with the same server, whether the news has arrived or not.
            self.retire(Close.SERVER)
            self._end(slot, Close.SERVER)
        elif slot.is_free():
            self._discard(slot, Close.LIFETIME)
        else:
            self._abort(slot, Close.UNCLEAN)

    def _discard(self, slot: Slot[C], reason: Close) -> None:
        """Close a connection in order, in the background; it counts until it is closed."""
        if reason in _LOST:
            self._end(slot, reason)
        else:
            self._say_goodbye(slot, reason, self._link.close)

    def _abort(self, slot: Slot[C], reason: Close) -> None:
        """Close a connection on which something may be under way; it counts until then."""
        self._say_goodbye(slot, reason, self._link.abort)

    def _say_goodbye(
        self, slot: Slot[C], reason: Close, close: Callable[[C], Awaitable[None]]
    ) -> None:
        self.tally.closed[reason] += 1
        self._closing += 1
        self._start(partial(close, slot.connection), partial(self._said_goodbye, slot))

    def _said_goodbye(self, slot: Slot[C], error: BaseException | None) -> None:
        self._closing -= 1
        self._forget(slot, is_closed=error is None)

    def _end(self, slot: Slot[C], reason: Close) -> None:
        """Close a connection at once."""
        self.tally.closed[reason] += 1
        self._forget(slot, is_closed=False)

    def _forget(self, slot: Slot[C], *, is_closed: bool) -> None:
        self._slots.discard(slot)
        try:
            if not is_closed:
                self._link.terminate(slot.connection)
        finally:
            self._fit_room()
            self._open_more()
            self._tell()

    def _start(
        self, work: Callable[[], Awaitable[None]], ended: Callable[[BaseException | None], None]
    ) -> None:
        self._errands.add(Errand(work, GOODBYE, partial(self._was_done, ended)))

    def _was_done(
        self,
        ended: Callable[[BaseException | None], None],
        errand: Errand[None],
        _: None,
        error: BaseException | None,
    ) -> None:
        self._errands.discard(errand)
        try:
            ended(error)
        finally:
            self._tell()
            if isinstance(error, SystemExit | KeyboardInterrupt):
                raise error

    # Timers for connections that nobody uses: idle for too long, and too old.

    def _plan_shrink(self) -> None:
        after = self.policy.idle_timeout
        if after is None or len(self._slots) - self._closing <= self.policy.min_idle:
            return
        self._shrink = later(self._idle[0].idle_since + after - monotonic(), self._shrink_now)

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

    def _plan_aging(self, when: float) -> None:
        if when == math.inf or (self._aging is not None and self._aging_at <= when):
            return
        if self._aging is not None:
            self._aging.cancel()
        self._aging_at = when
        self._aging = later(when - monotonic(), self._age_now)

    def _age_now(self) -> None:
        self._aging = None
        now = monotonic()
        for slot in [slot for slot in self._idle if slot.expires_at <= now + TICK]:
            self._idle.remove(slot)
            self.outage.put_off_restoring(now)
            self._discard(slot, Close.LIFETIME)
        # Those in use are closed when they come back.
        self._plan_aging(
            min(
                (slot.expires_at for slot in self._slots if slot.expires_at > now), default=math.inf
            )
        )

    # Another size.

    def resize(self, pool_size: int | None, max_overflow: int | None) -> None:
        """Let the pool have another size from now on; None leaves a part of it as it is.

        Raises:
            SettingsError: A value outside its range, or less than ``min_idle``.
        """
        size = self.policy.pool_size if pool_size is None else pool_size
        overflow = self.policy.max_overflow if max_overflow is None else max_overflow
        self.policy = replace(self.policy, pool_size=size, max_overflow=overflow)
        self._limit = self.policy.limit
        self._fit_room()
        while len(self._idle) > self.policy.kept or (self._idle and self._is_too_large):
            self._discard(self._idle.popleft(), Close.OVERFLOW)
        if self.owner.loop is not None:
            self._open_more()

    def check_owner(self) -> None:
        """Raise where the pool belongs to another loop; unlike a use, this binds it to none.

        Raises:
            PoolMisuseError: It does.
        """
        if self.owner.loop is not None:
            self.owner.check()

    @property
    def _is_too_large(self) -> bool:
        return len(self._slots) - self._closing > self._limit

    def _fit_room(self) -> None:
        # Giving back looks at this only, and then it does not keep what is too many.
        self._room = 0 if self.is_closed or self._is_too_large else self.policy.kept

    # Who waits for the pool itself.

    async def _see(self, is_so: Callable[[], bool], deadline: float = math.inf) -> bool:
        """Wait until something is so, and say whether it was before the deadline."""
        while True:
            change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._onlookers.add(change)
            try:
                if is_so():
                    return True
                left = deadline - monotonic()
                if left <= 0:
                    return False
                await asyncio.wait({change}, timeout=None if left == math.inf else left)
            finally:
                self._onlookers.discard(change)

    def _tell(self) -> None:
        for change in self._onlookers:
            if not change.done():
                change.set_result(None)

    def refuse_if_closed(self) -> None:
        """Raise where the pool was closed.

        Raises:
            NotOpenError: It was.
        """
        if self.is_closed:
            raise self._closed()

    def _closed(self) -> NotOpenError:
        return NotOpenError(
            f"The pool {self.name!r} is closed.", hint="Make a new one to connect again."
        )
