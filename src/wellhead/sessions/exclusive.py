"""One session, one task: a second task that uses a session at the same time is refused.

A session is one conversation with one transaction. SQLAlchemy lets several tasks use it at once if
the connection exists, fails in three different ways while it is being made, and may leak it then.
Here the second task always gets the same error, which names the places of both.

An ordinary statement pays for one attribute lookup: the first place is read from the suspended task
when the conflict happens.

The same classes accept SQLAlchemy's own ``execute``, ``scalars`` and ``query`` without SQLModel's
advice to use ``exec``.
"""

import asyncio
import logging
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import chain
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

from sqlalchemy import event, orm
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IllegalStateChangeError, InvalidRequestError
from sqlalchemy.ext import asyncio as async_orm
from sqlalchemy.orm import SessionTransaction
from sqlalchemy.util.concurrency import greenlet_spawn
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead.errors import SessionInUseError
from wellhead.errors.unloaded import refuse_lazy_load
from wellhead.pool.holders import application_frame, getcurrent, place_of
from wellhead.pool.sqlalchemy import await_
from wellhead.sessions.autocommit import AutocommitEngine
from wellhead.sessions.suspended import frames_of

logger = logging.getLogger(__package__)

PATIENCE = 3.0
"""Seconds for a statement to end after it was cancelled because its session is being closed."""

_ASYNCIO = str(Path(asyncio.__file__).parent)
_LOOP = {"_run", "run", "run_forever", "run_until_complete"}

Task = asyncio.Task[Any]


class _NoUse:
    """A placeholder for the greenlet before a session's first use."""

    dead = True


class ExclusiveSyncSession(Session):
    """The synchronous part of an :class:`ExclusiveSession`, in which SQLAlchemy works."""

    # The greenlet of the last use. SQLAlchemy starts one for each call, and it dies with the call.
    _use: Any = _NoUse

    execute = orm.Session.execute
    query = orm.Session.query

    # Every statement passes one of the next two. They repeat each other, since a shared function
    # would cost as much as all of it.

    def _connection_for_bind(self, *args: Any, **kwargs: Any) -> Connection:
        current = getcurrent()
        if self._use is not current:
            if not self._use.dead:
                self._take_turn()
            elif current.parent is not None:
                self._use = current
            else:
                refuse_lazy_load(sys._getframe())  # noqa: SLF001 - as below
        return super()._connection_for_bind(*args, **kwargs)

    def flush(self, *args: Any, **kwargs: Any) -> None:
        """Send pending changes.

        Raises:
            NotLoadedError: The access to an attribute, outside ``await``, caused it.
            SessionInUseError: Another task uses the session.
        """
        current = getcurrent()
        if self._use is not current:
            if not self._use.dead:
                self._take_turn()
            elif current.parent is not None:
                self._use = current
            else:
                refuse_lazy_load(sys._getframe())  # noqa: SLF001 - as below
        super().flush(*args, **kwargs)

    def connection(self, bind_arguments: Any = None, execution_options: Any = None) -> Connection:
        """The connection of the transaction, begun with these options.

        Raises:
            InvalidRequestError: It has begun without them, and SQLAlchemy would only warn that it
                ignores them: a transaction would not have the isolation level that it needs.
        """
        if execution_options and self._has_connection():
            raise InvalidRequestError(
                f"The options {sorted(execution_options)} of a session's connection count for a "
                "transaction that has not begun, and this session has sent a statement already. "
                "Give them before the first one, or in a session of their own."
            )
        return super().connection(bind_arguments, execution_options)

    def _has_connection(self) -> bool:
        transaction: Any = self._transaction
        while transaction is not None:
            if transaction._connections:  # noqa: SLF001 - SQLAlchemy's
                return True
            transaction = transaction._parent  # noqa: SLF001 - the same
        return False

    def begin_nested(self) -> SessionTransaction:
        """Begin a savepoint.

        Raises:
            SessionInUseError: Another task uses the session.
        """
        self._take_turn()
        return super().begin_nested()

    def refresh(self, *args: Any, **kwargs: Any) -> None:
        """Reload an object.

        Raises:
            SessionInUseError: Another task uses the session; the object is as it was.
        """
        self._take_turn()
        super().refresh(*args, **kwargs)

    def commit(self) -> None:
        """Commit.

        Raises:
            SessionInUseError: Another task uses the session.
        """
        self._take_turn()
        super().commit()

    def rollback(self) -> None:
        """Roll back.

        Raises:
            SessionInUseError: Another task uses the session.
        """
        self._take_turn()
        super().rollback()

    def reset(self) -> None:
        """Return to the state of a new session.

        Raises:
            SessionInUseError: Another task uses the session.
        """
        self._take_turn()
        super().reset()

    def close(self) -> None:
        """End the session; an operation of another task on it is cancelled, and waited for.

        If it does not end within :data:`PATIENCE`, the connection is closed.
        """
        other = self._other_use()
        if other is None or await_(self._end(_task_of(other))):
            self._use = _NoUse
            super().close()
            return
        with suppress(IllegalStateChangeError):
            self.invalidate()

    def _take_turn(self) -> None:
        other = self._other_use()
        if other is not None:
            raise _refusal("session", _task_of(other))
        current = getcurrent()
        # Outside SQLAlchemy's greenlets nothing is awaited, so no other task can interfere.
        if self._use.dead and current.parent is not None:
            self._use = current

    def _other_use(self) -> object | None:
        """The greenlet or frame of another task that uses the session or one of its connections."""
        if not self._use.dead:
            return None if self._use is getcurrent() or _is_mine(self._use) else self._use
        transaction: Any = self._transaction
        while transaction is not None:
            # Each is there twice, under its engine and under itself.
            for connection, *_ in {*transaction._connections.values()}:  # noqa: SLF001 - SQLAlchemy's
                pooled = connection._dbapi_connection  # noqa: SLF001 - another name would connect
                adapted = getattr(pooled, "dbapi_connection", None)
                # SQLAlchemy 2.0 has no lock of its own around psycopg's.
                lock = getattr(adapted, "_execute_mutex", None) or getattr(adapted, "lock", None)
                if isinstance(lock, RefusingLock) and lock.locked():
                    return lock.holder
            transaction = transaction._parent  # noqa: SLF001 - the same
        return None

    async def _end(self, task: Task | None) -> bool:
        if task is not None:
            logger.warning(
                "a session was closed while a task was using it; the task is cancelled: %s",
                _place_of(task),
                extra={"event": "session_in_use"},
            )
            task.cancel("Its session was closed.")
            await asyncio.wait({task}, timeout=PATIENCE)
        return self._other_use() is None


class ExclusiveSession(AsyncSession):
    """SQLModel's ``AsyncSession``, restricted to one task at a time.

    ``db.session()`` returns such a session. Derive your own from it for
    ``async_sessionmaker(db.engine, class_=...)``.

    Raises:
        SessionInUseError: From any database call while another task's call has not ended. The
            other task is not affected.
    """

    sync_session_class = ExclusiveSyncSession

    execute = async_orm.AsyncSession.execute

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close; this completes even if the caller is cancelled."""
        # SQLAlchemy does it in a separate task, which costs as much as a fifth of a read. If there
        # is nothing to wait for, no cancellation can interrupt it.
        if self._ends_at_once and type(self).close is AsyncSession.close:
            await self.close()
        else:
            await super().__aexit__(kind, error, traceback)

    @property
    def _ends_at_once(self) -> bool:
        session = self.sync_session
        if not session.in_transaction():
            return True
        # Both drivers check their own state before they send a ROLLBACK.
        return isinstance(session.bind, AutocommitEngine) and session.bind.name == "postgresql"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own: Any = cls.sync_session_class
        cls.sync_session_class = _exclusive(own)


@cache
def _exclusive(kind: Any) -> Any:
    if issubclass(kind, ExclusiveSyncSession):
        return kind
    if issubclass(ExclusiveSyncSession, kind):
        return ExclusiveSyncSession
    # The application's class comes first: its overrides reach SQLAlchemy through ours.
    return type(kind.__name__, (kind, ExclusiveSyncSession), {})


def keep_to_one_task() -> None:
    """Restrict the session that is waiting for a connection, of any class, to a single task.

    Called in the greenlet of its call. ``db.session()`` returns such sessions already; those of an
    application's own classes become like them just before the case that would fail: a second task
    arriving while the connection is being made.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - as below
    while frame is not None:
        transaction = frame.f_locals.get("self")
        if isinstance(transaction, SessionTransaction):
            session: Any = transaction.session
            if not isinstance(session, ExclusiveSyncSession):
                kind: Any = type(session)
                session.__class__ = _exclusive(kind)
                session._use = getcurrent()  # noqa: SLF001 - it is one of ours now
            return
        frame = frame.f_back


class RefusingLock:
    """Replaces the lock with which a driver makes tasks wait for each other on a connection.

    Attributes:
        locked: Whether a task is inside.
    """

    __slots__ = ("_frames", "locked")

    def __init__(self) -> None:
        self._frames: list[FrameType] = []
        # The pool checks this each time: a built-in function, since a call of a Python function
        # takes longer than everything else.
        self.locked = self._frames.__len__

    @property
    def holder(self) -> FrameType | None:
        """The frame that holds the lock."""
        return self._frames[0] if self._frames else None

    async def __aenter__(self) -> None:
        if self._frames:
            raise _refusal("connection", _task_of(self._frames[0]))
        self._frames.append(sys._getframe(1))  # noqa: SLF001 - a tenth of inspect's

    async def __aexit__(self, *_: object) -> None:
        self._frames.clear()


def refuse_second_statements(engine: Engine) -> None:
    """Refuse a statement on a connection of this engine while another task's is in progress.

    SQLAlchemy's lock and psycopg's would make them wait for each other, which works only as long as
    none of them fails.
    """

    @event.listens_for(engine, "connect")
    def replace_locks(connection: Any, record: object) -> None:
        del record
        lock, driver_connection = RefusingLock(), connection.driver_connection
        if hasattr(driver_connection, "pgconn"):
            driver_connection.lock = lock
        if hasattr(connection, "_execute_mutex"):
            connection._execute_mutex = lock  # noqa: SLF001 - test_undocumented_names.py


def _refusal(what: str, task: Task | None) -> SessionInUseError:
    first, second = _place_of(task), _place_here()
    return SessionInUseError(
        f"Two tasks used one {what} at the same time: {first} had not ended when {second} began.",
        hint=f"Give {second} its own session (db.session()), or let it wait for {first}; a "
        "reader (ReaderDep) serves its tasks in turn.",
    )


def _place_of(task: Task | None) -> str:
    return "a task" if task is None else _place(frames_of(task), task)


def _place_here() -> str:
    return _place(_frames_here(), asyncio.current_task())


def _place(frames: Iterator[FrameType], task: Task | None) -> str:
    """Where a task is, or the task that waits for it if its frames are all library code."""
    waiting = _waits_for(task) if task is not None else None
    more = frames_of(waiting) if waiting is not None else ()
    name = task.get_name() if task is not None else "unknown"
    return place_of(chain(frames, more)) or f"the task {name!r}"


def _task_of(use: object) -> Task | None:
    """The suspended task that a frame belongs to, or that waits for a greenlet of SQLAlchemy."""
    tasks = asyncio.all_tasks()
    return next(
        (task for task in tasks if any(_is_of(use, each) for each in frames_of(task))), None
    )


def _is_mine(use: object) -> bool:
    """Whether the running task waits for this greenlet of SQLAlchemy, and got here from it."""
    return any(_is_of(use, frame) for frame in _frames_here())


def _is_of(use: object, frame: FrameType) -> bool:
    if frame.f_code is greenlet_spawn.__code__:
        return frame.f_locals.get("context") is use
    return frame is use


def _frames_here() -> Iterator[FrameType]:
    """The frames of the running task, innermost first, on both sides of SQLAlchemy's boundary."""
    return chain(_callers(sys._getframe()), _callers(application_frame()))  # noqa: SLF001 - as above


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None and not _is_of_the_loop(frame.f_code):
        yield frame
        frame = frame.f_back


def _is_of_the_loop(code: CodeType) -> bool:
    # A task's frames end there; below them is the program that runs the loop.
    return code.co_name in _LOOP and code.co_filename.startswith(_ASYNCIO)


def _waits_for(task: Task) -> Task | None:
    """The task that gathered this one, or whose group it belongs to."""
    for callback, _ in getattr(task, "_callbacks", None) or ():
        parent = getattr(getattr(callback, "__self__", None), "_parent_task", None)
        if parent is not None:
            return parent  # type: ignore[no-any-return]  # a task group's
    return next(
        (
            each
            for each in asyncio.all_tasks()
            if task in getattr(getattr(each, "_fut_waiter", None), "_children", ())
        ),
        None,
    )
