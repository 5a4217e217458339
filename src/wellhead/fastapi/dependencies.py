"""The database in a route: opened with the application, one session or reader a request."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, TypeVar

from fastapi import Depends, FastAPI
from fastapi.requests import HTTPConnection
from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead.database import Database
from wellhead.errors import NotOpenError
from wellhead.fastapi.draining import drained_on_signals
from wellhead.fastapi.mounted import HOST
from wellhead.fastapi.scopes import refuse_without_scopes
from wellhead.pool import serving
from wellhead.sessions import Reader

T = TypeVar("T")


def lifespan(
    database: Database, *, drain_seconds: float | None = None
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """A lifespan that opens the database before the first request and closes it after the last.

    An application with a lifespan of its own uses ``async with database:`` in it instead, and
    :meth:`wellhead.Database.drain` when it is told to end.

    Args:
        database: What to open and close.
        drain_seconds: Seconds for which the process still takes requests after SIGTERM while
            ``/health/ready`` already answers 503; 0 for none. None leaves signals alone.
    """

    @asynccontextmanager
    async def open_and_close(app: FastAPI) -> AsyncIterator[None]:
        del app
        async with database:
            if drain_seconds is None:
                yield
                return
            with drained_on_signals(database, drain_seconds):
                yield

    return open_and_close


def database_of(connection: HTTPConnection) -> Database:
    """The database that :func:`wellhead.fastapi.install` gave to the application.

    For a mounted application without one, that of the application around it.

    Raises:
        NotOpenError: The application has none.
    """
    for app in (connection.app, connection.scope.get(HOST)):
        database = getattr(app.state, "database", None) if app is not None else None
        if isinstance(database, Database):
            return database
    raise NotOpenError(
        "The application has no database.",
        hint="Call wellhead.fastapi.install(app, database) where the application is made, or "
        "mount it in one that has.",
    )


async def _session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    with serving(_route_of(connection)):
        async with database_of(connection).session() as session:
            yield session


async def _reader(connection: HTTPConnection) -> AsyncIterator[Reader]:
    with serving(_route_of(connection)):
        async with database_of(connection).reader() as reader:
            yield reader


class Run:
    """Runs units of work for one request; see :meth:`wellhead.Database.run`."""

    __slots__ = ("_database", "_route")

    def __init__(self, database: Database, route: str) -> None:
        self._database = database
        self._route = route

    async def __call__(
        self,
        work: Callable[[AsyncSession], Awaitable[T]],
        *,
        deadline: float | None = None,
        is_repeatable: bool = False,
    ) -> T:
        """Do ``work(session)`` in a transaction of its own, again where that is safe."""
        with serving(self._route):
            return await self._database.run(work, deadline=deadline, is_repeatable=is_repeatable)


async def _run(connection: HTTPConnection) -> Run:
    return Run(database_of(connection), _route_of(connection))


def _route_of(connection: HTTPConnection) -> str:
    # The template, not the path: the pool's figures are kept by it.
    route = connection.scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", "?")
    return f"{connection.scope.get('method', 'WEBSOCKET')} {path}"


refuse_without_scopes()

# With the default scope FastAPI would commit after the answer was sent, and a COMMIT that fails
# would hide behind a 201.
SessionDep = Annotated[AsyncSession, Depends(_session, scope="function")]
"""One transaction a request, committed before the answer is sent; a failed commit is an error.

It ends when the route returns, so a stream, a WebSocket or a background task opens its own with
``database.session()``. A dependency with ``yield`` that takes it needs ``scope="function"``, too.
"""

RunDep = Annotated[Run, Depends(_run)]
"""A callable that runs a unit of work and commits it, again where that is safe.

A route writes ``return await run(lambda session: create(session, item))``. Several calls are
several transactions.
"""

ReaderDep = Annotated[Reader, Depends(_reader, scope="function")]
"""A reader for the request: no transaction, one round trip a statement, nothing to write with."""
