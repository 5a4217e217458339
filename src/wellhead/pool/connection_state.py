"""The state of a driver connection: closed or open, in a transaction or free for the next caller.

asyncpg notices by itself when the server closes the connection; psycopg has to be made to look.
"""

import asyncio
import os
import select
import socket
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from operator import attrgetter
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg
from asyncpg.protocol.protocol import PreparedStatementState

from wellhead.errors import PoolMisuseError

# How often to check whether a task has read its result, and the seconds between two checks.
_LOOKS, _TICK = 1000, 0.001

# On Linux this flag reports that the peer has shut down; macOS reports it unasked.
_HUNG_UP = getattr(select, "POLLRDHUP", 0)


def closed_check(connection: Any) -> Callable[[], bool]:
    """A function that tells whether a connection is closed, without asking the server."""
    if isinstance(connection, asyncpg.Connection):
        return connection.is_closed
    if hasattr(connection, "pgconn"):
        return _psycopg_closed(connection)
    return _never


def _psycopg_closed(connection: Any) -> Callable[[], bool]:
    if connection.closed:
        return _always
    # Reading is left to libpq; a hang-up can be detected without it.
    line = select.poll()
    line.register(connection.fileno(), _HUNG_UP)
    return lambda: bool(connection.closed or line.poll(0))


def driver_of(dbapi_connection: Any) -> Any:
    """The driver's own connection behind one of SQLAlchemy's; only to inspect it."""
    return getattr(dbapi_connection, "driver_connection", dbapi_connection)


def free_check(connection: Any, mutex: Any = None) -> Callable[[], bool]:
    """A function that tells whether a connection can be lent; sends nothing.

    Then it is open, outside a transaction, and without an operation in progress.

    Args:
        connection: The driver's connection.
        mutex: SQLAlchemy's lock around each of its operations on the connection, if nothing else
            uses it. asyncpg has no flag for an operation in progress: asking it takes 1.7 us,
            checking the lock 0.05.
    """
    if isinstance(connection, asyncpg.Connection):
        return _asyncpg_free(connection, mutex)
    if hasattr(connection, "pgconn"):
        return _psycopg_free(connection)
    return _always


def _asyncpg_free(connection: Any, mutex: Any) -> Callable[[], bool]:
    protocol = connection._protocol  # noqa: SLF001 - tests/test_undocumented_names.py
    is_connected, is_in_transaction = protocol.is_connected, protocol.is_in_transaction
    is_busy = _asyncpg_busy(connection) if mutex is None else mutex.locked
    return lambda: is_connected() and not is_in_transaction() and not is_busy()


def _asyncpg_busy(connection: Any) -> Callable[[], bool]:
    protocol = connection._protocol  # noqa: SLF001 - as above
    # A statement that is in use and cannot be closed; but asyncpg checks first whether another
    # operation is in progress. Nothing is sent in either case.
    statement = PreparedStatementState("", "", protocol, asyncpg.Record, False)
    statement.attach()
    close = protocol.close_statement

    def is_busy() -> bool:
        operation = close(statement, None)
        try:
            operation.send(None)
        except asyncpg.InternalClientError:
            return False
        except asyncpg.InterfaceError:
            return True
        # It is waiting for a cancellation to complete.
        operation.close()
        return True

    return is_busy


def _psycopg_free(connection: Any) -> Callable[[], bool]:
    if connection.closed:
        return _never
    is_locked, pgconn = connection.lock.locked, connection.pgconn
    line = select.poll()
    line.register(connection.fileno(), _HUNG_UP)
    return lambda: not (pgconn.transaction_status or is_locked() or line.poll(0))


def _always() -> bool:
    return True


def _never() -> bool:
    return False


def is_gone(connection: Any) -> bool:
    """Whether the peer is known to have hung up; sends nothing, and inspects what has arrived.

    An idle server sends data only to say why it ends the connection.
    """
    if closed_check(connection)():
        return True
    if not hasattr(connection, "fileno"):
        return False
    twin = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=connection.fileno())
    try:
        arrived = twin.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        # The connection keeps its descriptor.
        twin.detach()
    return arrived in (b"", b"E")


def terminate(connection: Any) -> None:
    """Close a connection at once, without notifying the server and without waiting."""
    if isinstance(connection, asyncpg.Connection):
        try:
            connection.terminate()
        except RuntimeError:
            _close_after_its_loop(connection)
    elif hasattr(connection, "pgconn"):
        if connection.lock.locked() and not connection.closed:
            # A task waiting on a closed file descriptor would wait forever.
            _hang_up(connection)
            _finish_later(connection)
        else:
            connection.pgconn.finish()


def _close_after_its_loop(connection: Any) -> None:
    """Close the socket of a connection whose event loop has ended, and closes nothing any more.

    Forgotten, asyncio's transport would close it, too, with a warning and some time later. uvloop's
    was closed with its loop.
    """
    transport = connection._transport  # noqa: SLF001 - tests/database/test_event_loops.py
    transport = getattr(getattr(transport, "_ssl_protocol", None), "_transport", transport)
    close = getattr(transport, "_call_connection_lost", None)
    if close is not None:
        # What it tells to those who wait, it would tell in the loop.
        with suppress(RuntimeError):
            close(None)


def _finish_later(connection: Any) -> None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        # No task is waiting any more.
        connection.pgconn.finish()
        return
    task = Context().run(loop.create_task, _finish_after_use(connection))
    _finishing.add(task)
    task.add_done_callback(_finishing.discard)


async def _finish_after_use(connection: Any) -> None:
    # Not by taking the lock: that of a session refuses a second task instead of letting it wait.
    for _ in range(_LOOKS):
        if not connection.lock.locked():
            break
        await asyncio.sleep(_TICK)
    connection.pgconn.finish()


# The event loop itself holds only weak references to tasks.
_finishing: set[asyncio.Task[None]] = set()


async def abort(connection: Any) -> None:
    """Have the server cancel the running operation, then close; a waiting task gets an error.

    Takes as long as the server needs for that.
    """
    try:
        if isinstance(connection, asyncpg.Connection):
            await connection.close()
        else:
            await connection.cancel_safe()
            for _ in range(_LOOKS):
                # The task waiting for it learns that it was cancelled.
                if not connection.lock.locked():
                    break
                await asyncio.sleep(_TICK)
    finally:
        terminate(connection)


# All session state, by https://www.postgresql.org/docs/current/sql-discard.html, except for the
# statements that the drivers have prepared, and without a connection's startup settings.
RESET = """
    SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET SESSION AUTHORIZATION; RESET ALL;
    DISCARD TEMP; DISCARD SEQUENCES;
    DO $$ DECLARE statement record; BEGIN
        FOR statement IN SELECT name FROM pg_prepared_statements WHERE from_sql LOOP
            EXECUTE format('DEALLOCATE %I', statement.name);
        END LOOP;
    END $$
"""
"""Resets all session state in one round trip; keeps the drivers' prepared statements."""


def remember(connection: Any) -> None:
    """Note the initial state of a new connection, for its resets."""
    if hasattr(connection, "pgconn"):
        _MADE_WITH[connection] = attrgetter(*_KEPT)(connection), attrgetter(*_PLAIN)(connection)


# Client-side state of psycopg connections; the first have methods that set them.
_KEPT = ("autocommit", "isolation_level", "read_only", "deferrable")
_PLAIN = (
    "row_factory", "cursor_factory", "server_cursor_factory", "prepare_threshold", "prepared_max",
)  # fmt: skip
_MADE_WITH: WeakKeyDictionary[Any, tuple[tuple[Any, ...], tuple[Any, ...]]] = WeakKeyDictionary()


async def reset(connection: Any) -> None:
    """Reset the session state of a free connection: one round trip.

    Takes another one for an asyncpg connection that is not of Wellhead's own class. The
    application's set-up runs again.

    Raises:
        Exception: It could not be reset, or has state that cannot be reset.
    """
    set_up_again = getattr(connection, "set_up_again", None)
    if isinstance(connection, asyncpg.Connection):
        # This removes its listeners, too. Its own query leaves the role and temporary tables.
        await connection.reset()
        if connection.get_reset_query() != RESET:
            await connection.execute(RESET)
    else:
        for handler in tuple(connection._notify_handlers):  # noqa: SLF001 - tests/test_undocumented_names.py
            if set_up_again is None:
                raise PoolMisuseError("A notification handler was left on a connection.")
            connection.remove_notify_handler(handler)
        await _in_autocommit(connection, RESET)
        kept, plain = _MADE_WITH[connection]
        for name, value in zip(_KEPT, kept, strict=True):
            await getattr(connection, f"set_{name}")(value)
        for name, value in zip(_PLAIN, plain, strict=True):
            setattr(connection, name, value)
    if set_up_again is not None:
        await set_up_again(connection)


def is_known(connection: Any) -> bool:
    """Whether a connection is of a driver that this module knows."""
    return isinstance(connection, asyncpg.Connection) or hasattr(connection, "pgconn")


def is_in_transaction(connection: Any) -> bool:
    """Whether a transaction is open; sends nothing."""
    if isinstance(connection, asyncpg.Connection):
        return connection.is_in_transaction()
    return bool(connection.info.transaction_status)


def is_to_standby(connection: Any) -> bool:
    """Whether the server has reported that it is a standby; sends nothing.

    PostgreSQL reports it from 14 on, when a session starts and when it is promoted.
    """
    if isinstance(connection, asyncpg.Connection):
        return getattr(connection.get_settings(), "in_hot_standby", None) == "on"
    return bool(connection.pgconn.parameter_status(b"in_hot_standby") == b"on")


async def ping(connection: Any, *, timeout: float) -> None:
    """One round trip; after any failure the connection is unusable.

    Raises:
        Exception: There was no response in time, or the connection is broken.
    """
    if isinstance(connection, asyncpg.Connection):
        await connection.execute("SELECT 1", timeout=timeout)
    else:
        await _ping_psycopg(connection, timeout=timeout)


async def _ping_psycopg(connection: Any, *, timeout: float) -> None:
    with hang_up_after(connection, timeout):
        await _in_autocommit(connection, "SELECT 1")


@contextmanager
def hang_up_after(connection: Any, timeout: float) -> Iterator[None]:
    """Break a psycopg connection, and with it what waits for it, if the block takes longer."""
    # Cancelling would make psycopg ask the silent server to cancel, and wait 5 s for that, too.
    loop = asyncio.get_running_loop()
    deadline = loop.call_later(timeout, _hang_up, connection, context=Context())
    try:
        yield
    finally:
        deadline.cancel()


async def _in_autocommit(connection: Any, statement: str) -> None:
    # Without autocommit the statement would open a transaction, and cost two more round trips.
    autocommit = connection.autocommit
    await connection.set_autocommit(True)
    await connection.execute(statement)
    await connection.set_autocommit(autocommit)


def _hang_up(connection: Any) -> None:
    with socket.socket(fileno=os.dup(connection.fileno())) as twin:
        twin.shutdown(socket.SHUT_RDWR)


class HangUps:
    """Detects when the server closes an idle connection, without sending anything.

    asyncpg notices by itself. psycopg does not look, and a reader in the event loop would be called
    for every response: so epoll watches for nothing but the hang-up, on all connections at once. If
    epoll is not available, as on macOS, the next use notices.
    """

    def __init__(self) -> None:
        self._lost: dict[int, Callable[[], None]] = {}
        self._epoll: Any = None
        self._stop: Callable[[], object] = dict

    def watch(self, connection: Any, lost: Callable[[], None]) -> None:
        """Call ``lost`` in the running loop once either side has closed the connection."""
        if isinstance(connection, asyncpg.Connection):
            connection.add_termination_listener(lambda _: lost())
        elif hasattr(connection, "pgconn") and hasattr(select, "epoll"):
            if self._epoll is None:
                self._begin()
            at = connection.fileno()
            self._epoll.register(at, select.EPOLLRDHUP | select.EPOLLONESHOT)
            self._lost[at] = lost

    def unwatch(self) -> None:
        """Stop watching."""
        self._stop()
        self._epoll = None
        self._lost.clear()

    def _begin(self) -> None:
        loop, self._epoll = asyncio.get_running_loop(), select.epoll()
        # In an empty context, for as long as there is something to watch.
        Context().run(loop.add_reader, self._epoll.fileno(), _look, weakref.WeakMethod(self._tell))
        self._stop = weakref.finalize(self, _end_looking, loop, self._epoll, os.getpid())

    def _tell(self) -> None:
        for at, _ in self._epoll.poll(0):
            self._lost.pop(at)()


def _look(tell: "weakref.WeakMethod[Callable[[], None]]") -> None:
    if (bound := tell()) is not None:
        bound()


def _end_looking(loop: asyncio.AbstractEventLoop, epoll: Any, process: int) -> None:
    # A forked process has the descriptors of its parent's loop, and must not touch them.
    if process == os.getpid() and not loop.is_closed():
        loop.remove_reader(epoll.fileno())
    epoll.close()
