"""The pool in SQLAlchemy's interface: the core, holding SQLAlchemy's connection records."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, Self

from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, Pool, PoolProxiedConnection
from sqlalchemy.pool.base import _ConnectionRecord
from sqlalchemy.util.concurrency import greenlet_spawn, in_greenlet

from wellhead.errors import PoolMisuseError, UnreachableError
from wellhead.pool import connection_state
from wellhead.pool.core import Core
from wellhead.pool.holders import application_frame, stack_here, stack_of
from wellhead.pool.observing import ObservedCore, Observer
from wellhead.pool.owner import Advice
from wellhead.pool.policy import PoolPolicy, check_name, check_switch
from wellhead.pool.slots import Close, Slot
from wellhead.pool.stats import PoolStats

try:
    from sqlalchemy.util.concurrency import await_
except ImportError:
    # Its name in SQLAlchemy 2.0.
    from sqlalchemy.util.concurrency import await_only as await_

__all__ = ["UNCLEAN", "AsyncPool", "await_"]

UNCLEAN = "wellhead_unclean"
"""The key in a connection's ``info`` by which its user marks it as having session state."""

NameTimeout = Callable[[TimeoutError], Exception]


class AsyncPool(Pool):
    """A connection pool for ``create_async_engine(url, poolclass=wellhead.AsyncPool, ...)``.

    ``create_async_engine`` takes SQLAlchemy's names with the prefix ``pool_`` (``pool_size``,
    ``max_overflow``, ``pool_timeout``, ``pool_recycle``, ``pool_use_lifo``, ``pool_pre_ping``,
    ``pool_reset_on_return``), and this pool's own names as they are. Their meaning is in
    :class:`wellhead.PoolPolicy`.

    It belongs to the event loop and the process that use it first.

    Args:
        creator: Creates a connection; SQLAlchemy passes it.
        pool_size: Connections kept open; 0 for no limit.
        max_overflow: Connections opened beyond ``pool_size``; -1 for no limit.
        timeout: Seconds a caller waits for a connection, including set-up; more than 0.
        recycle: Seconds after which a connection is closed, when idle or returned; -1 for never.
        use_lifo: Whether the most recently returned connection is used first.
        pre_ping: False turns off the ping of ``check_after_idle``.
        min_idle: Connections kept open even when unused, and replaced when lost.
        max_waiting: Callers that may queue while every connection is in use; None for no limit.
        idle_timeout: Seconds after which an idle connection beyond ``min_idle`` is closed.
        lifetime_jitter: Share of ``recycle`` by which lifetimes differ at random.
        check_after_idle: Seconds of idleness after which a connection is pinged first.
        connect_timeout: Seconds to establish one connection.
        leak_threshold: Seconds a connection may be held before a warning names its holder; None
            for no warning. Recording the holder costs some 3 us for each use.
        name: The pool's name in messages.
        name_connect_timeout: Creates the exception for a connection that was not made in time.
        advice: The hints for a use from another event loop; None for those of an engine.
        observers: Are called with each use of a connection.
        **options: Further options of SQLAlchemy: ``reset_on_return``, ``echo``, ``events``, ...

    Raises:
        SettingsError: A setting outside its range or of another type. Where SQLAlchemy's pool waits
            forever (``pool_timeout=None``) or not at all (0), this one has a deadline and
            ``max_waiting=0``.
    """

    _is_asyncio = True
    before_wait: Callable[[], None] | None = None
    """Called by each caller that has to wait for a connection, in its own greenlet."""

    # It logs to the loggers that SQLAlchemy documents, which are quiet below WARNING.
    _sqla_logger_namespace = "sqlalchemy.pool.AsyncPool"

    def __init__(
        self,
        creator: Any,
        pool_size: int = 5,
        max_overflow: int = 10,
        timeout: float = 30.0,
        recycle: float = -1,
        use_lifo: bool = True,
        pre_ping: bool = True,
        min_idle: int = 0,
        max_waiting: int | None = None,
        idle_timeout: float | None = 600.0,
        lifetime_jitter: float = 0.1,
        check_after_idle: float | None = 30.0,
        connect_timeout: float = 10.0,
        leak_threshold: float | None = None,
        name: str = "default",
        name_connect_timeout: NameTimeout | None = None,
        advice: Advice | None = None,
        observers: Sequence[Observer] = (),
        **options: Any,
    ) -> None:
        # The core handles age and pings; SQLAlchemy would reconnect in the caller's time.
        super().__init__(creator, **options)
        check_name(name)
        check_switch("pre_ping", pre_ping)
        policy = PoolPolicy(
            pool_size=pool_size,
            max_overflow=max_overflow,
            timeout=timeout,
            max_waiting=max_waiting,
            min_idle=min_idle,
            idle_timeout=idle_timeout,
            recycle=recycle,
            lifetime_jitter=lifetime_jitter,
            check_after_idle=check_after_idle if pre_ping else None,
            connect_timeout=connect_timeout,
            leak_threshold=leak_threshold,
            use_lifo=use_lifo,
        )
        self.name = name
        self._name_connect_timeout = name_connect_timeout
        self._advice = advice
        link = RecordLink(self, name_connect_timeout)
        self._observers = observers
        self._core: Core[ConnectionPoolEntry]
        if observers:
            self._core = ObservedCore(
                link, policy, name=name, advice=advice, observers=observers, driver_of=_lent
            )
        else:
            self._core = Core(link, policy, name=name, advice=advice)

    @property
    def policy(self) -> PoolPolicy:
        """The effective settings."""
        return self._core.policy

    @property
    def core(self) -> Core[ConnectionPoolEntry]:
        """The core that lends the connections, for callers that count microseconds."""
        return self._core

    # SQLAlchemy's interface.

    def recreate(self) -> Self:
        """A new, empty pool with the same settings and event listeners."""
        self.logger.info("Pool recreating")
        pool = type(self)(
            self._creator,
            **asdict(self.policy),
            name=self.name,
            name_connect_timeout=self._name_connect_timeout,
            advice=self._advice,
            observers=self._observers,
            echo=self.echo,
            logging_name=self._orig_logging_name,
            reset_on_return=self._reset_on_return,
            _dispatch=self.dispatch,
            dialect=self._dialect,
        )
        pool.before_wait = self.before_wait
        return pool

    def dispose(self) -> None:
        """Close the idle connections; those in use are closed when they are returned.

        Waits for that if it can, that is, from ``AsyncEngine.dispose()``.
        """
        if in_greenlet() and self._core.owner.is_here:
            await_(self._core.close())
        else:
            self._core.abandon()
        self.logger.info("Pool disposed. %s", self.status())

    def status(self) -> str:
        """The current figures, in SQLAlchemy's words."""
        return (
            f"Pool size: {self.size()}  Connections in pool: {self.checkedin()} "
            f"Current Overflow: {self.overflow()} Current Checked out connections: "
            f"{self.checkedout()}"
        )

    def size(self) -> int:
        """Connections kept open; 0 for no limit."""
        return self.policy.pool_size

    def timeout(self) -> float:
        """Seconds a caller waits."""
        return self.policy.timeout

    def checkedin(self) -> int:
        """Idle connections."""
        return self._core.idle

    def checkedout(self) -> int:
        """Connections in use."""
        return self._core.active

    def overflow(self) -> int:
        """Connections open beyond the size; negative if there are fewer, as in SQLAlchemy."""
        return self._core.idle + self._core.active - self.size() if self.size() else 0

    def _do_get(self) -> ConnectionPoolEntry:
        leaks = self._core.policy.leak_threshold is not None
        stack = stack_of(application_frame()) if leaks else ()
        slot = self._core.take(stack)
        if slot is None:
            if self.before_wait is not None:
                self.before_wait()
            slot = await_(self._core.wait(stack))
        return slot.connection

    def _do_return_conn(self, record: Any) -> None:
        slot: Slot[ConnectionPoolEntry] = record.wellhead_slot
        if record.dbapi_connection is not slot.handle:
            if record.dbapi_connection is None:
                # SQLAlchemy closed it, or detached it.
                self._core.drop(slot, Close.INVALIDATED if slot.is_spoilt else Close.DETACHED)
                return
            # A "checkout" listener refused the connection, and SQLAlchemy made another.
            slot.handle = record.dbapi_connection
            self._core.renew(slot)
            if record.spoilt is record.dbapi_connection:
                record.spoil()
        is_clean = UNCLEAN not in record.info
        if not is_clean:
            del record.info[UNCLEAN]
        self._core.release(slot, is_clean=is_clean)

    _return_conn = _do_return_conn

    def _invalidate(
        self,
        connection: PoolProxiedConnection,
        exception: BaseException | None = None,
        _checkin: bool = True,
    ) -> None:
        # SQLAlchemy compares times of a clock that can be set back, and would then replace every
        # connection at each use. So generations replace its ``_invalidate_time``.
        record: Any = getattr(connection, "_connection_record", None)
        slot = getattr(record, "wellhead_slot", None)
        if slot is None or self._core.is_current(slot):
            self._core.retire(Close.SERVER)
        if _checkin and connection.is_valid:
            connection.invalidate(exception)

    # What this pool adds.

    def stats(self, *, reason: str = "") -> PoolStats:
        """A snapshot of the figures; costs microseconds and never waits."""
        return self._core.stats(reason=reason)

    async def open_one(self) -> None:
        """Open a connection, unless one is idle; raises at once what opening raises."""
        await self._core.open_one()

    async def wait(self, timeout: float | None = None) -> None:
        """Open ``min_idle`` connections and wait for them; see :meth:`DriverPool.wait`."""
        await self._core.warm_up(timeout)

    def resize(self, *, pool_size: int | None = None, max_overflow: int | None = None) -> None:
        """Change the size of the pool; see :meth:`DriverPool.resize`."""
        self._core.check_owner()
        self._core.resize(pool_size, max_overflow)

    def retire_all(self) -> None:
        """Retire all current connections; see :meth:`DriverPool.retire_all`."""
        self._core.check_owner()
        self._core.retire(Close.INVALIDATED)

    @property
    def is_full(self) -> bool:
        """Whether the next caller is refused: every connection is in use, and the queue is full."""
        return self._core.is_full

    @property
    def is_left_open(self) -> bool:
        """Whether it has connections and was not disposed of, in the process that made them."""
        return self._core.is_left_open

    def refuse_if_full(self) -> None:
        """Raise at once what acquiring a connection would raise if the queue is full.

        Raises:
            PoolSaturated: The queue is full.
        """
        self._core.refuse_if_full()

    @asynccontextmanager
    async def driver_connection(
        self, *, timeout: float | None = None, reset: bool = True
    ) -> AsyncIterator[Any]:
        """A connection of this pool as the driver's own object, without SQLAlchemy.

        It must be returned outside a transaction and with no operation in progress: otherwise, or
        if the block was cancelled, it is closed, and the server cancels the operation.

        Args:
            timeout: Seconds to wait for it; the pool's by default.
            reset: Whether session state that the block leaves is reset; see
                :class:`wellhead.DriverPool`.

        Raises:
            PoolTimeout: There was none in time.
            PoolSaturated: The queue is full.
        """
        slot = await self._core.acquire(stack_here(), timeout)
        connection = driver_of(slot.connection)
        slot.is_free = connection_state.free_check(connection)
        is_usable = False
        try:
            yield connection
            is_usable = True
        except Exception:
            is_usable = True
            raise
        finally:
            self._core.release(slot, is_usable=is_usable, is_clean=not reset)

    def _create_connection(self) -> ConnectionPoolEntry:
        # A guard against listeners costs a call for each use.
        return GuardedRecord(self) if self.dispatch.checkin else PoolRecord(self)


class PoolRecord(_ConnectionRecord):
    """SQLAlchemy's record of a connection; notes that the driver's own object was requested.

    Without SQLAlchemy's knowledge, that object can get any state and have operations in progress.

    Attributes:
        spoilt: The connection that its user declared unusable.
    """

    wellhead_slot: Slot[ConnectionPoolEntry]
    spoilt: DBAPIConnection | None = None

    def __init__(self, pool: "AsyncPool") -> None:
        try:
            super().__init__(pool)
        except BaseException:
            # If a "connect" listener raises, an early SQLAlchemy 2.0 leaves the connection open.
            stranded: Any = getattr(self, "dbapi_connection", None)
            if stranded is not None:
                connection_state.terminate(connection_state.driver_of(stranded))
            raise

    def invalidate(self, e: BaseException | None = None, soft: bool = False) -> None:
        """Never lend this connection again; close it, or with ``soft`` let its user go on."""
        if self.dbapi_connection is None:
            return
        self.spoilt = self.dbapi_connection
        if hasattr(self, "wellhead_slot"):
            self.spoil()
        try:
            super().invalidate(e, soft)
        finally:
            # By a clock that can be set back; the slot does not need it.
            self._soft_invalidate_time = 0.0

    def spoil(self) -> None:
        """Let the core close this connection when it is returned."""
        # The core checks a single time when a connection is returned.
        self.wellhead_slot.is_spoilt, self.wellhead_slot.expires_at = True, -math.inf

    @property
    def driver_connection(self) -> Any:  # type: ignore[override]  # read-only in SQLAlchemy, too
        """The driver's own object."""
        self.info[UNCLEAN] = True
        if hasattr(self, "wellhead_slot"):
            self.wellhead_slot.is_free = connection_state.free_check(driver_of(self))
        return super().driver_connection


class GuardedRecord(PoolRecord):
    """The same if listeners are called on each return: a listener that raises loses no slot."""

    def __init__(self, pool: AsyncPool) -> None:
        self._guarded = pool
        super().__init__(pool)

    def checkin(self, _fairy_was_created: bool = True) -> None:
        """Return the connection, even if a listener fails."""
        try:
            super().checkin(_fairy_was_created)
        except BaseException as error:
            # The connection is as the listener left it.
            if self.wellhead_slot.held_since:
                self.invalidate(error)
                self._guarded._do_return_conn(self)  # noqa: SLF001 - as SQLAlchemy does
            raise


def driver_of(record: ConnectionPoolEntry) -> Any:
    """The driver's own object behind a record; only to inspect it."""
    return connection_state.driver_of(record.dbapi_connection)


def _lent(slot: Slot[ConnectionPoolEntry]) -> Any:
    # The record has none any more once its connection was invalidated.
    return connection_state.driver_of(slot.handle)


def _is_known(listener: Any) -> bool:
    return bool(getattr(listener, "__module__", "").startswith(("sqlalchemy.", "wellhead.")))


class RecordLink:
    """SQLAlchemy's connection records, each with its connection."""

    def __init__(self, pool: AsyncPool, name_timeout: NameTimeout | None) -> None:
        self._pool = pool
        self._name_timeout = name_timeout
        hang_ups = connection_state.HangUps()
        self.unwatch = hang_ups.unwatch
        self._watch = hang_ups.watch

    @property
    def _dialect(self) -> Any:
        # The engine sets the pool's dialect after it has made the pool.
        return self._pool._dialect  # noqa: SLF001 - SQLAlchemy's name, for pools

    async def open(self, *, timeout: float) -> ConnectionPoolEntry:
        """Create a record and its connection; SQLAlchemy's events for new ones happen here."""
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await greenlet_spawn(self._pool._create_connection)  # noqa: SLF001 - the same
        except TimeoutError as error:
            if not limit.expired():
                raise
            if self._name_timeout is not None:
                raise self._name_timeout(error) from error
            raise UnreachableError(
                f"No connection was made within {timeout:g} s.",
                hint="Check the network, or raise connect_timeout.",
            ) from error

    def closed_check(self, connection: ConnectionPoolEntry) -> Callable[[], bool]:
        """A function that tells whether the driver knows that the connection is closed."""
        return connection_state.closed_check(driver_of(connection))

    def free_check(self, connection: ConnectionPoolEntry) -> Callable[[], bool]:
        """A function that tells whether the connection can be lent; sends nothing."""
        mutex = getattr(connection.dbapi_connection, "_execute_mutex", None)
        return connection_state.free_check(driver_of(connection), mutex)

    async def reset(self, connection: ConnectionPoolEntry) -> None:
        """Reset the state that a caller left.

        Raises:
            PoolMisuseError: A listener of the application set up the connection when it was made,
                and a reset would undo that, too.
        """
        if not all(map(_is_known, self._pool.dispatch.connect)):
            raise PoolMisuseError('State that a "connect" listener set must not be reset.')
        await connection_state.reset(driver_of(connection))

    async def abort(self, connection: ConnectionPoolEntry) -> None:
        """Have the server cancel the running operation, and close."""
        record: Any = connection
        dbapi_connection, driver_connection = record.dbapi_connection, driver_of(connection)
        try:
            # First, as everywhere: a new connection may arrive before this one has ended.
            self._tell_of_close(record, dbapi_connection)
            record.dbapi_connection = None
            await connection_state.abort(driver_connection)
        finally:
            self._hang_up(record, dbapi_connection)

    def opened(self, slot: Slot[ConnectionPoolEntry]) -> None:
        """Give the record its slot."""
        record: Any = slot.connection
        record.wellhead_slot = slot
        # SQLAlchemy itself requests the driver's object when it initializes the dialect.
        record.info.pop(UNCLEAN, None)
        slot.handle = slot.connection.dbapi_connection
        connection_state.remember(driver_of(slot.connection))

    def watch(self, connection: ConnectionPoolEntry, lost: Callable[[], None]) -> None:
        """Call ``lost`` once the server has hung up, if that can be detected at no cost."""
        self._watch(driver_of(connection), lost)

    async def ping(self, connection: ConnectionPoolEntry, *, timeout: float) -> None:
        """One round trip."""
        driver_connection = driver_of(connection)
        if connection_state.is_known(driver_connection):
            await connection_state.ping(driver_connection, timeout=timeout)
            return
        async with asyncio.timeout(timeout):
            await greenlet_spawn(self._dialect.do_ping, connection.dbapi_connection)

    async def close(self, connection: ConnectionPoolEntry) -> None:
        """Terminate the session and close."""
        await greenlet_spawn(connection.close)

    def terminate(self, connection: ConnectionPoolEntry) -> None:
        """Close at once."""
        dbapi_connection: DBAPIConnection | None = connection.dbapi_connection
        if dbapi_connection is None:
            return
        try:
            self._tell_of_close(connection, dbapi_connection)
        finally:
            self._hang_up(connection, dbapi_connection)

    def _tell_of_close(self, record: Any, dbapi_connection: DBAPIConnection) -> None:
        try:
            if self._pool.dispatch.close:
                self._pool.dispatch.close(dbapi_connection, record)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            # The caller that happens to release a connection can do nothing about a listener.
            self._pool.logger.exception("A listener for the closing of a connection failed")

    def _hang_up(self, record: Any, dbapi_connection: DBAPIConnection) -> None:
        driver_connection, record.dbapi_connection = (
            connection_state.driver_of(dbapi_connection),
            None,
        )
        if connection_state.is_known(driver_connection):
            connection_state.terminate(driver_connection)
        elif in_greenlet():
            # SQLAlchemy's way to terminate would wait here; a callback is not in a greenlet.
            loop = asyncio.get_running_loop()
            loop.call_soon(self._dialect.do_terminate, dbapi_connection)
        else:
            self._dialect.do_terminate(dbapi_connection)
