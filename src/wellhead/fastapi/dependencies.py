"""The database in a route: opened with the application, one session or reader per request."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI
from fastapi.requests import HTTPConnection

from wellhead.database import Database
from wellhead.fastapi.draining import drained_on_signals
from wellhead.fastapi.installed import MAIN, database_of
from wellhead.fastapi.late import has_changes
from wellhead.fastapi.outcomes import truth_of
from wellhead.fastapi.scopes import refuse_without_scopes
from wellhead.fastapi.targets import route_of
from wellhead.pool import serving
from wellhead.pool.holders import current_route
from wellhead.sessions import ExclusiveSession, Reader

T = TypeVar("T")

_SESSIONS = "wellhead.sessions"


def lifespan(
    database: Database[Any], *further: Database[Any], drain_seconds: float | None = None
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """A lifespan that opens the database before the first request and closes it after the last.

    An application with its own lifespan uses ``async with database:`` in it instead, and calls
    :meth:`wellhead.Database.drain` when it is told to shut down.

    Args:
        database: The database to open and close.
        further: More databases, opened after it and closed before it.
        drain_seconds: Seconds for which the process still accepts requests after SIGTERM while
            ``/health/ready`` already responds with 503; 0 for none. None leaves signals alone.
    """
    databases = (database, *further)

    @asynccontextmanager
    async def open_and_close(app: FastAPI) -> AsyncIterator[None]:
        del app
        async with AsyncExitStack() as stack:
            for each in databases:
                await stack.enter_async_context(each)
            if drain_seconds is not None:
                stack.enter_context(drained_on_signals(databases, drain_seconds))
            yield

    return open_and_close


@dataclass(frozen=True, slots=True)
class _Of:
    """Gives a route something of a database; equal ones are one dependency within a request.

    Attributes:
        database: The database itself, or the name under which the application has it.
    """

    database: Database[Any] | str

    def _of(self, connection: HTTPConnection) -> Database[Any]:
        database = self.database
        return database_of(connection, database) if isinstance(database, str) else database


class _SessionOf(_Of):
    __slots__ = ()

    # Neither this nor the reader's is a generator: FastAPI's handling of one takes longer than
    # everything else that is done outside statements.
    async def __call__(self, connection: HTTPConnection) -> ExclusiveSession:
        database, scope = self._of(connection), connection.scope
        opened: dict[Database[Any], ExclusiveSession] = scope.setdefault(_SESSIONS, {})
        if database in opened:
            # Under its name, or as the object itself.
            return opened[database]
        block = _RequestSession(connection, database, opened)
        session = await block.__aenter__()
        stack: AsyncExitStack = scope["fastapi_function_astack"]
        stack.push_async_exit(block)
        return session


class _RequestSession(AbstractAsyncContextManager[ExclusiveSession]):
    """The block of a request's session, which ends before the response begins.

    Args:
        connection: The request.
        database: The session's database.
        opened: The request's open sessions; this one is added, and removed at the end.
    """

    __slots__ = ("_block", "_connection", "_database", "_opened", "_token")

    def __init__(
        self,
        connection: HTTPConnection,
        database: Database[Any],
        opened: dict[Database[Any], ExclusiveSession],
    ) -> None:
        self._connection = connection
        self._database = database
        self._opened = opened
        self._block = database.session()

    async def __aenter__(self) -> ExclusiveSession:
        try:
            session: ExclusiveSession = await self._block.__aenter__()
        except Exception as error:
            self._tell_truth(error)
            raise
        self._token = current_route.set(route_of(self._connection.scope))
        self._opened[self._database] = session
        return session

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        del self._opened[self._database]
        try:
            await self._end(kind, error, traceback)
        except Exception as failure:
            self._tell_truth(failure)
            raise
        finally:
            current_route.reset(self._token)
        self._tell_truth(error)

    def _tell_truth(self, error: BaseException | None) -> None:
        if isinstance(error, Exception):
            truth = truth_of(self._connection, error)
            if truth is not error:
                raise truth from truth.__cause__

    async def _end(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                # If another database refuses, it is better to know before this one commits.
                for other in self._opened.values():
                    if has_changes(other):
                        await other.flush()
        except BaseException as failure:
            await self._block.__aexit__(type(failure), failure, failure.__traceback__)
            raise
        await self._block.__aexit__(kind, error, traceback)


class _ReaderOf(_Of):
    __slots__ = ()

    async def __call__(self, connection: HTTPConnection) -> Reader:
        scope = connection.scope
        block = self._of(connection).reader()
        reader = await block.__aenter__()
        stack: AsyncExitStack = scope["fastapi_function_astack"]
        stack.push_async_exit(block)
        stack.callback(current_route.reset, current_route.set(route_of(scope)))
        return reader


class _RunOf(_Of):
    __slots__ = ()

    async def __call__(self, connection: HTTPConnection) -> "Run":
        return Run(self._of(connection), route_of(connection.scope))


class Run:
    """Runs units of work for one request; see :meth:`wellhead.Database.run`."""

    __slots__ = ("_database", "_route")

    def __init__(self, database: Database, route: str) -> None:
        self._database = database
        self._route = route

    async def __call__(
        self,
        work: Callable[[ExclusiveSession], Awaitable[T]],
        *,
        deadline: float | None = None,
        is_repeatable: bool = False,
    ) -> T:
        """Do ``work(session)`` in its own transaction, again where that is safe."""
        with serving(self._route):
            return await self._database.run(work, deadline=deadline, is_repeatable=is_repeatable)


def ends_before_response(dependency: object) -> bool:
    """Whether a dependency gives a session or a reader, which ends before the response is sent."""
    return isinstance(dependency, _SessionOf | _ReaderOf)


refuse_without_scopes()


def session_of(database: Database[Any] | str) -> Any:
    """The equivalent of :data:`SessionDep` for another database than the main one.

    For a line such as ``ArchiveSession = Annotated[AsyncSession, session_of(archive)]``. It has
    ``scope="function"`` already; a request has one session per database, however many parameters
    and dependencies ask for it.

    Args:
        database: The database, or the name under which ``install`` was given it.
    """
    # With the default scope FastAPI would commit after the response was sent, and a failed COMMIT
    # would hide behind a 201.
    return Depends(_SessionOf(database), scope="function")


def run_of(database: Database[Any] | str) -> Any:
    """The equivalent of :data:`RunDep` for another database; its type is ``Run``."""
    return Depends(_RunOf(database))


def reader_of(database: Database[Any] | str) -> Any:
    """The equivalent of :data:`ReaderDep` for another database; its type is ``Reader``."""
    return Depends(_ReaderOf(database), scope="function")


SessionDep = Annotated[ExclusiveSession, session_of(MAIN)]
"""One transaction per request, committed before the response is sent; a failed commit is an error.

It ends when the route returns, so a stream, a WebSocket or a background task opens its own with
``database.session()``. A dependency with ``yield`` that takes it also needs ``scope="function"``.
"""

RunDep = Annotated[Run, run_of(MAIN)]
"""A callable that runs a unit of work and commits it, again where that is safe.

A route writes ``return await run(lambda session: create(session, item))``. Several calls are
several transactions.
"""

ReaderDep = Annotated[Reader, reader_of(MAIN)]
"""A reader for the request: no transaction, one round trip per statement, no way to write."""
