"""The places of a pool: what is in them, and how they are emptied."""

import asyncio
import math
from abc import ABC, abstractmethod
from collections import deque
from time import monotonic
from typing import Generic, TypeVar

from wellhead.pool.holders import Holders
from wellhead.pool.link import Link
from wellhead.pool.outage import Outage
from wellhead.pool.ownership import Owner
from wellhead.pool.policy import PoolPolicy
from wellhead.pool.slot import Close, Slot
from wellhead.pool.stats import Tally
from wellhead.pool.waiters import Queue

C = TypeVar("C")

GOODBYE = 2.0
"""Seconds that closing a connection in order may take."""

TICK = 0.002
"""Seconds by which a loop's timer may come early: uvloop counts in milliseconds."""

_LOST = frozenset({Close.SERVER, Close.CHECK})


class Places(ABC, Generic[C]):
    """The state of a pool, its figures, and the closing of connections.

    Args:
        link: Opens and closes connections.
        policy: The knobs.
        name: For messages.
    """

    __slots__ = (
        "_alarm", "_alarm_at", "_check_after", "_closing", "_generation", "_holds", "_idle",
        "_is_closed", "_line", "_link", "_opening", "_openings", "_queue", "_retired", "_retry",
        "_room", "_shrink", "_slots", "_take_idle", "_tasks", "_untake_idle", "holders", "name",
        "outage", "owner", "policy", "tally",
    )  # fmt: skip

    def __init__(self, link: Link[C], policy: PoolPolicy, *, name: str) -> None:
        self.policy = policy
        self.name = name
        self.tally = Tally()
        self.outage = Outage(name, memory=policy.timeout)
        self.owner = Owner(name)
        self.holders: Holders[C] = Holders(name, policy.leak_threshold)
        self._link = link
        self._slots: set[Slot[C]] = set()
        self._idle: deque[Slot[C]] = deque()
        self._queue: Queue[C] = Queue()
        self._opening = 0
        self._closing = 0
        self._generation = 0
        self._retired = Close.INVALIDATED
        self._is_closed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._openings: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self._shrink: asyncio.TimerHandle | None = None
        lifo = policy.use_lifo
        self._take_idle = self._idle.pop if lifo else self._idle.popleft
        self._untake_idle = self._idle.append if lifo else self._idle.appendleft
        after = policy.check_after_idle
        self._check_after = math.inf if after is None else after
        self._room = policy.kept
        self._line = self._queue.line
        self._holds = self.tally.hold.fresh

    # Figures.

    @property
    def idle(self) -> int:
        """Open connections that are free."""
        return len(self._idle)

    @property
    def active(self) -> int:
        """Connections in use."""
        return len(self._slots) - len(self._idle) - self._closing

    @property
    def held(self) -> int:
        """Connections in somebody's hands: the active ones but those being pinged."""
        return sum(slot.held_since > 0.0 for slot in self._slots)

    @property
    def waiting(self) -> int:
        """Callers that wait."""
        return len(self._queue)

    @property
    def opening(self) -> int:
        """Connections being opened."""
        return self._opening

    @property
    def closing(self) -> int:
        """Connections being closed."""
        return self._closing

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

    @abstractmethod
    def _open_more(self) -> None:
        """Fill places that became free, where somebody needs them."""

    # Closing.

    def _discard(self, slot: Slot[C], reason: Close) -> None:
        """Close a connection in order, in the background; it counts until it is closed."""
        if reason in _LOST:
            self._end(slot, reason)
            return
        self.tally.closed[reason] += 1
        self._closing += 1
        task = asyncio.get_running_loop().create_task(self._say_goodbye(slot))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _say_goodbye(self, slot: Slot[C]) -> None:
        try:
            async with asyncio.timeout(GOODBYE):
                await self._link.close(slot.connection)
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

    # Shrinking.

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
