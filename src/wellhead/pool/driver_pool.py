"""The pool for callers that use the driver itself: no SQLAlchemy, no greenlets."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from wellhead.errors import PoolMisuseError
from wellhead.pool import connection_state
from wellhead.pool.core import Core
from wellhead.pool.holders import stack_here
from wellhead.pool.policy import PoolPolicy
from wellhead.pool.slots import Slot
from wellhead.pool.stats import PoolStats

C = TypeVar("C")


class DriverPool(Generic[C]):
    """A pool of asyncpg or psycopg connections.

    It belongs to the event loop that uses it first, and opens nothing before that.

    Args:
        connect: Opens a connection, such as ``lambda: asyncpg.connect(dsn)``.
        policy: The knobs; see :class:`PoolPolicy`.
        name: For messages.
        reset: Whether what a block sets on a connection is taken back after it, in the background:
            settings, the role, listeners, session locks, temporary tables, prepared and held
            statements. It takes a round trip, with a plain asyncpg connection two. False where the
            blocks set nothing, and behind a transaction pooler, where it would meet another
            connection.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[C]],
        policy: PoolPolicy | None = None,
        *,
        name: str = "driver",
        reset: bool = True,
    ) -> None:
        self._core: Core[C] = Core(DriverLink(connect), policy or PoolPolicy(), name=name)
        self._resets = reset

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def acquire(self, *, timeout: float | None = None) -> "Borrowed[C]":
        """A connection for the length of an ``async with`` block.

        It must come back outside a transaction, and with nothing under way: one that does not, or
        whose block was cancelled, is closed, and the server cancels what it was doing.

        Args:
            timeout: Seconds to wait for it; the policy's by default.

        Raises:
            PoolTimeout: There was none in time.
            PoolSaturated: The queue is full.
        """
        return Borrowed(self._core, timeout, is_clean=not self._resets)

    def stats(self) -> PoolStats:
        """A snapshot of the figures; never waits."""
        return self._core.stats(reason="A pool of the driver's connections.")

    async def close(self) -> None:
        """Close the free connections; those in use are closed when they come back."""
        await self._core.close()


class Borrowed(Generic[C]):
    """A connection of the pool, for the length of an ``async with`` block."""

    __slots__ = ("_core", "_is_clean", "_slot", "_timeout")

    def __init__(self, core: Core[C], timeout: float | None, *, is_clean: bool) -> None:
        self._core = core
        self._timeout = timeout
        self._is_clean = is_clean
        self._slot: Slot[C] | None = None

    async def __aenter__(self) -> C:
        core = self._core
        stack = stack_here() if core.policy.leak_threshold is not None else ()
        slot = core.take(stack)
        if slot is None:
            slot = await core.wait(stack, self._timeout)
        if self._slot is not None:
            core.release(slot)
            raise PoolMisuseError(
                f"The same acquire() of the pool {core.name!r} was entered twice.",
                hint="Call acquire() once for each block.",
            )
        self._slot = slot
        return slot.connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        slot, self._slot = self._slot, None
        if slot is None:
            return
        # A block that was cancelled may have left a response on its way.
        was_cancelled = kind is not None and not issubclass(kind, Exception)
        self._core.release(slot, is_usable=not was_cancelled, is_clean=self._is_clean)


class DriverLink:
    """Connections as the driver makes them.

    Args:
        connect: Opens one.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self._connect = connect

    async def open(self, *, timeout: float) -> Any:
        """Open a connection in so many seconds."""
        async with asyncio.timeout(timeout):
            return await self._connect()

    def opened(self, slot: Slot[Any]) -> None:
        """Note what it is like."""
        connection_state.remember(slot.connection)

    async def close(self, connection: Any) -> None:
        """Say goodbye and close."""
        await connection.close()

    abort = staticmethod(connection_state.abort)
    closed_check = staticmethod(connection_state.closed_check)
    free_check = staticmethod(connection_state.free_check)
    reset = staticmethod(connection_state.reset)
    ping = staticmethod(connection_state.ping)
    terminate = staticmethod(connection_state.terminate)
