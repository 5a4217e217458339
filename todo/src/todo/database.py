"""The application's database, for routes and services that run compiled queries on it."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from fastapi import Request
from sqlalchemy.exc import IntegrityError

from todo.errors import TodoError
from wellhead import CommitUnknownError, Database

T = TypeVar("T")


def database_of(request: Request) -> Database:
    """The database that `create_app` was given; open for as long as requests come."""
    found: Database = request.app.state.database
    return found


async def settled(write: Callable[[], Awaitable[T]], *, is_done: Callable[[T], bool]) -> T:
    """Do a write that may not simply be done twice, and once more where nobody answered it.

    The second time either does it, and then the first did nothing; or it finds nothing to do, and
    then nobody knows whether that is the doing of the first.

    Args:
        write: One statement that commits by itself.
        is_done: Whether its result says that it wrote.

    Raises:
        CommitUnknownError: It was not answered, and did nothing the second time, or failed.
    """
    try:
        return await write()
    except CommitUnknownError as unknown:
        with still(unknown):
            result = await write()
        if not is_done(result):
            raise
        return result


@contextmanager
def still(unknown: CommitUnknownError | None) -> Iterator[None]:
    """Raise that the first time's outcome is unknown, where the second time fails.

    A contradiction to the data is a verdict: had the first time been committed, the second would
    not have come so far.
    """
    try:
        yield
    except (CommitUnknownError, IntegrityError, TodoError):
        raise
    except Exception as error:
        if unknown is None:
            raise
        raise unknown from error
