"""The pool for callers that use the driver directly: no SQLAlchemy, no greenlets."""

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from wellhead.errors import PoolMisuseError, SettingsError
from wellhead.pool import connection_state
from wellhead.pool.core import Core
from wellhead.pool.holders import nearest, stack_here
from wellhead.pool.policy import PoolPolicy, check_name, check_switch, wait_of
from wellhead.pool.slots import Close, Slot
from wellhead.pool.stats import PoolStats

C = TypeVar("C")


class DriverPool(Generic[C]):
    """A pool of asyncpg or psycopg connections.

    It belongs to the event loop that uses it first, and opens nothing before that. If it is
    garbage-collected with open connections, a ``ResourceWarning`` names the place where it was
    created.

    Args:
        connect: Opens a connection, such as ``lambda: asyncpg.connect(dsn)``.
        policy: The settings; see :class:`PoolPolicy`.
        name: For messages.
        reset: Whether session state that a block leaves on a connection is reset after it, in the
            background: settings, the role, listeners, session locks, temporary tables, prepared
            statements and holdable cursors. It takes one round trip, with a plain asyncpg
            connection two. Use False if the blocks leave no state, and behind a transaction pooler,
            where the reset would reach another connection.

    Raises:
        SettingsError: An argument of the wrong type.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[C]],
        policy: PoolPolicy | None = None,
        *,
        name: str = "driver",
        reset: bool = True,
    ) -> None:
        if not callable(connect):
            raise SettingsError(f"connect of the pool is {connect!r}; it must be a function.")
        if not isinstance(policy, PoolPolicy | None):
            raise SettingsError(f"policy of the pool is {policy!r}; it must be a PoolPolicy.")
        check_name(name)
        check_switch("reset", reset)
        self._core: Core[C] = Core(DriverLink(connect), policy or PoolPolicy(), name=name)
        self._resets = reset
        self._made_at = stack_here()

    def __del__(self) -> None:
        # It does not exist if the arguments were refused.
        core: Core[C] | None = getattr(self, "_core", None)
        if core is not None and core.is_left_open:
            warnings.warn(
                f"the pool {core.name!r} was not closed; created in {nearest(self._made_at)}",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )
            core.leave()

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
        """A connection for the duration of an ``async with`` block.

        It must be returned outside a transaction and with no operation in progress: otherwise, or
        if the block was cancelled, it is closed, and the server cancels the operation.

        Args:
            timeout: Seconds to wait for it; the policy's by default. 0 takes only an idle one.

        Raises:
            PoolTimeout: There was none in time.
            PoolSaturated: The queue is full.
            NotOpenError: The pool is closed.
        """
        return Borrowed(self._core, timeout, is_clean=not self._resets)

    def stats(self) -> PoolStats:
        """A snapshot of the figures; never waits."""
        return self._core.stats(reason="A pool of driver connections.")

    async def wait(self, timeout: float | None = None) -> None:
        """Open ``min_idle`` connections and wait for them; returns at once if they are open.

        Args:
            timeout: Seconds to wait; the policy's by default.

        Raises:
            PoolTimeout: They were not open in time.
            NotOpenError: The pool is closed.
            Exception: What opening one raised, if waiting does not help.
        """
        await self._core.warm_up(timeout)

    def resize(self, *, pool_size: int | None = None, max_overflow: int | None = None) -> None:
        """Change the size of the pool; a value that is not given stays as it is.

        Never waits. Surplus idle connections are closed now, those in use when they are returned;
        waiting callers get what a larger pool may open.

        Raises:
            SettingsError: A value outside its range, or ``pool_size`` below ``min_idle``.
        """
        self._core.check_owner()
        self._core.resize(pool_size, max_overflow)

    def retire_all(self) -> None:
        """Retire all current connections, as after a change of the server's settings.

        Never waits: idle ones are closed in the background, those in use when they are returned.
        """
        self._core.check_owner()
        self._core.retire(Close.INVALIDATED)

    async def close(self, *, grace: float = 0.0) -> None:
        """Close the idle connections, and lend no more; callers already waiting are still served.

        Args:
            grace: Seconds to wait for connections in use and for waiting callers. Any that remain
                are logged as a warning, and their connections closed when they are returned.
        """
        await self._core.close(grace=wait_of(grace))


class Borrowed(Generic[C]):
    """A connection of the pool for the duration of an ``async with`` block."""

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
            core.refuse_if_closed()
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
        # A cancelled block may have left a response on its way.
        was_cancelled = kind is not None and not issubclass(kind, Exception)
        self._core.release(slot, is_usable=not was_cancelled, is_clean=self._is_clean)


class DriverLink:
    """Connections as the driver makes them.

    Args:
        connect: Opens one.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self._connect = connect
        hang_ups = connection_state.HangUps()
        self.watch, self.unwatch = hang_ups.watch, hang_ups.unwatch

    async def open(self, *, timeout: float) -> Any:
        """Open a connection within this many seconds."""
        async with asyncio.timeout(timeout):
            return await self._connect()

    def opened(self, slot: Slot[Any]) -> None:
        """Note its initial state."""
        connection_state.remember(slot.connection)

    async def close(self, connection: Any) -> None:
        """Terminate the session and close."""
        await connection.close()

    abort = staticmethod(connection_state.abort)
    closed_check = staticmethod(connection_state.closed_check)
    free_check = staticmethod(connection_state.free_check)
    reset = staticmethod(connection_state.reset)
    ping = staticmethod(connection_state.ping)
    terminate = staticmethod(connection_state.terminate)
