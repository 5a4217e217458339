"""The connections of a pool, without its callers: opened, kept, replaced and closed.

Foreign code runs in errands, whose ends are reported to plain functions. So the pool's state
changes without an ``await`` in between.
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
"""Seconds that closing a connection cleanly may take."""

TICK = 0.002
"""Seconds by which a loop's timer may fire early: uvloop counts in milliseconds."""

_LOST = frozenset({Close.SERVER, Close.CHECK})


class Stock(Generic[C]):
    """Opens connections for waiting callers and for ``min_idle``, and closes them.

    Args:
        link: Opens and closes connections.
        policy: The settings.
        name: For messages.
        advice: What users are told of a use from another event loop; None for that of a pool.

    Attributes:
        is_closed: Whether the pool was closed; callers already waiting are still served.
        is_patient: Whether callers wait through failed attempts to connect. Otherwise the first one
            ends their wait, unless another caller may return a connection.
    """

    __slots__ = (
        "__weakref__", "_aging", "_aging_at", "_closing", "_errands", "_generation", "_idle",
        "_limit", "_link", "_onlookers", "_opening", "_openings", "_queue", "_refusal",
        "_resetting", "_retired", "_retry", "_retry_at", "_room", "_shrink", "_slots", "is_closed",
        "is_patient", "name", "outage", "owner", "policy", "tally",
    )  # fmt: skip

    def __init__(
        self, link: Link[C], policy: PoolPolicy, *, name: str, advice: Advice | None = None
    ) -> None:
        self.policy = policy
        self.name = name
        self.tally = Tally()
        self.outage = Outage(name, memory=policy.timeout)
        self.is_closed = False
        self.is_patient = True
        self._link = link
        # Every slot, and those among them whose connection is idle.
        self._slots: set[Slot[C]] = set()
        self.owner = Owner(advice or advice_for_pool(name), self._slots)
        self._idle: deque[Slot[C]] = deque()
        self._queue: Queue[C] = Queue()
        # Connections being opened have no slot yet; those being closed still have theirs.
        self._opening = 0
        self._closing = 0
        # Connections being reset will be idle in a moment.
        self._resetting = 0
        # Connections of an older generation are closed, for the reason that generation ended.
        self._generation = 0
        self._retired = Close.INVALIDATED
        # Why the last attempt to connect failed, if that does not pass by itself.
        self._refusal: BaseException | None = None
        # What is in progress: attempts to connect, and everything else.
        self._openings: set[Errand[Any]] = set()
        self._errands: set[Errand[Any]] = set()
        # The futures of callers that wait for a state of the pool.
        self._onlookers: set[asyncio.Future[None]] = set()
        # The timers: for the next attempt to connect, for connections that have been idle for too
        # long, and for those that get too old.
        self._retry: asyncio.TimerHandle | None = None
        self._retry_at = 0.0
        self._shrink: asyncio.TimerHandle | None = None
        self._aging: asyncio.TimerHandle | None = None
        self._aging_at = 0.0
        # Cached here, because every acquire and release needs them.
        self._limit = policy.limit
        self._room = policy.kept

    @property
    def idle(self) -> int:
        """Idle connections."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """Callers that wait for a connection."""
        return len(self._queue)

    @property
    def active(self) -> int:
        """Connections in use, including those being pinged."""
        return len(self._slots) - len(self._idle) - self._closing

    def _figures(self) -> str:
        return (
            f"total {self.idle + self.active}, active {self.active}, idle {self.idle}, "
            f"waiting {len(self._queue)}, opening {self._opening}, limit {self._limit:g}"
        )

    # Implemented by the pool with its callers.

    def _hand_over(self, slot: Slot[C], now: float) -> None:
        """Give a connection to the oldest waiter, else keep it, else close it."""
        raise NotImplementedError

    def _give_up(self, waiter: Waiter[C]) -> None:
        """Tell a waiter that its time is up."""
        raise NotImplementedError

    # Opening connections: in tasks of the pool, and one at a time in an outage.

    async def open_one(self) -> None:
        """Open a connection and put it in the pool, or raise why that is not possible.

        Makes one attempt only. Does nothing if there is an idle connection already.
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
            PoolTimeout: They were not open within ``timeout`` seconds (the policy's by default).
            NotOpenError: The pool is closed.
            Exception: What opening one raised, if waiting does not help.
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
                hint="If attempts to connect failed, the last error is the cause of this one.",
            ) from self.outage.error
        self.refuse_if_closed()
        if self._refusal is not None:
            raise self._refusal

    def _open_more(self) -> None:
        """Open what waiters and ``min_idle`` need; while the database is away, one at a time."""
        waiting, due = len(self._queue), -math.inf
        needed = waiting - self._opening - self._resetting
        if not waiting and not self.is_closed and self._refusal is None:
            present = len(self._slots) - self._closing + self._opening
            needed = self.policy.min_idle - present
            if not self._onlookers:
                # No caller is waiting for these, so one at a time.
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
        # The link enforces the timeout; that of the errand is for a link that ignores it.
        errand = Errand(
            partial(self._connect, limit),
            limit + GOODBYE,
            ended,
            late=self._link.terminate,
            overdue=self._overdue,
        )
        self._openings.add(errand)
        return errand

    def _overdue(self) -> UnreachableError:
        limit = self.policy.connect_timeout
        return UnreachableError(
            f"The pool {self.name!r} abandoned a connection that was being opened: the attempt was "
            f"cancelled after {limit:g} s, and had not ended {GOODBYE:g} s later.",
            hint="Check the network. If that is fine, set_up, or a listener, waits for something "
            "after it is cancelled.",
        )

    async def _connect(self, timeout: float) -> C:
        try:
            return await self._link.open(timeout=timeout)
        except (Exception, SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            if is_cancelled():
                raise
            # A caller would take it for its own cancellation.
            raise ConnectError(
                f"Opening a connection of the pool {self.name!r} ended in {type(error).__name__}, "
                "although it was not cancelled.",
                hint="Its cause shows which code of connect() or of a listener raised it; awaiting "
                "a shared task that was cancelled does so.",
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
            # Unused connections are not replaced while the loop is ending and cancels all tasks.
            if self._queue or not isinstance(error, asyncio.CancelledError):
                self._open_more()
            self._tell()

    def _admit(
        self, connection: C, generation: int, began: float, now: float
    ) -> BaseException | None:
        """Give a new connection its slot, or say why it is useless."""
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
        except Exception as error:  # noqa: BLE001 - it is raised to the caller that needs the connection
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
            # While callers hold connections, as at a full server, one of theirs may be returned.
            for waiter in self._queue.impatient():
                self._give_up(waiter)
        elif not passes and (oldest := self._queue.next()) is not None:
            oldest.future.set_exception(error)
        elif not passes and not self._onlookers:
            say_refused(self.name, error)

    # Closing connections.

    def retire(self, reason: Close) -> None:
        """Retire all current connections: close the idle ones now, the others on return."""
        self._age(reason)
        while self._idle:
            self._discard(self._idle.pop(), reason)

    def _age(self, reason: Close) -> None:
        self._generation += 1
        self._retired = reason
        # So that releasing has one thing to check; the generation says why.
        for slot in self._slots:
            slot.expires_at = -math.inf

    def is_current(self, slot: Slot[C]) -> bool:
        """Whether the generation of this slot's connection has not ended."""
        return slot.generation == self._generation

    def _lost(self, slot: "weakref.ref[Slot[C]]") -> None:
        """Replace an idle connection that the server closed; its user handles any other."""
        lost = slot()
        if lost is None or lost not in self._idle:
            return
        self._idle.remove(lost)
        self.outage.put_off_restoring(monotonic())
        self._discard_unfit(lost)

    def _discard_unfit(self, slot: Slot[C]) -> None:
        """Close a connection that is closed already, still in use by a task, or too old."""
        if slot.is_closed():
            # The others were lost with the same server, whether that is known yet or not.
            self.retire(Close.SERVER)
            self._end(slot, Close.SERVER)
        elif slot.is_free():
            self._discard(slot, Close.LIFETIME)
        else:
            self._abort(slot, Close.UNCLEAN)

    def _discard(self, slot: Slot[C], reason: Close) -> None:
        """Close a connection cleanly, in the background; it counts until it is closed."""
        if reason in _LOST:
            self._end(slot, reason)
        else:
            self._say_goodbye(slot, reason, self._link.close)

    def _abort(self, slot: Slot[C], reason: Close) -> None:
        """Close a connection that may have an operation in progress; it counts until then."""
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

    # Timers for unused connections: idle for too long, and too old.

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
        # Those in use are closed when they are returned.
        self._plan_aging(
            min(
                (slot.expires_at for slot in self._slots if slot.expires_at > now), default=math.inf
            )
        )

    # Resizing.

    def resize(self, pool_size: int | None, max_overflow: int | None) -> None:
        """Change the size of the pool; None leaves a value as it is.

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
        """Raise if the pool belongs to another loop; unlike a use, this binds it to none.

        Raises:
            PoolMisuseError: It does.
        """
        if self.owner.loop is not None:
            self.owner.check()

    @property
    def _is_too_large(self) -> bool:
        return len(self._slots) - self._closing > self._limit

    def _fit_room(self) -> None:
        # Releasing checks only this, and then does not keep a surplus connection.
        self._room = 0 if self.is_closed or self._is_too_large else self.policy.kept

    # Callers that wait for the pool itself.

    async def _see(self, is_so: Callable[[], bool], deadline: float = math.inf) -> bool:
        """Wait until a condition is true; return whether it was before the deadline."""
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
        """Raise if the pool was closed.

        Raises:
            NotOpenError: It was.
        """
        if self.is_closed:
            raise self._closed()

    def _closed(self) -> NotOpenError:
        return NotOpenError(
            f"The pool {self.name!r} is closed.", hint="Create a new one to connect again."
        )
