"""The application's database, for routes and services that run compiled queries on it."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from fastapi import Request
from sqlalchemy.exc import IntegrityError

from todo.errors import NotFoundError, TodoError
from todo.revisions import changed_meanwhile
from wellhead import CommitUnknownError, Database

T = TypeVar("T")


def database_of(request: Request) -> Database:
    """The database that `create_app` was given; open for as long as requests come."""
    found: Database = request.app.state.database
    return found


class Result(Protocol):
    """What a statement says of a write to an object that was there.

    Attributes:
        is_expected: Whether the client knew the state that was there before.
        is_done: Whether the object is as it was wished; else another write came between.
    """

    is_expected: bool
    is_done: bool


ResultT = TypeVar("ResultT", bound=Result)


async def decided(
    write: Callable[[], Awaitable[ResultT | None]],
    *,
    missing: Callable[[], NotFoundError],
    is_repeatable: bool = False,
    refuse: Callable[[ResultT], None] = lambda _: None,
    explain: Callable[[IntegrityError], None] | None = None,
) -> ResultT:
    """Do a write by one statement, again and again while another write comes between.

    Args:
        write: The statement, which commits by itself; None says that the object is not there.
        missing: What is raised then.
        is_repeatable: Whether it ends the same when it is done twice.
        refuse: Raises what else speaks against it.
        explain: Raises what a broken constraint means; returns where the statement may do better.

    Raises:
        PreconditionFailedError: The object is in a state that the client does not know.
        CommitUnknownError: It is not known whether it was done.
    """
    while True:
        try:
            result = await settled(
                write,
                is_done=lambda result: is_repeatable or (result is not None and result.is_done),
            )
        except IntegrityError as error:
            if explain is None:
                raise
            explain(error)
            continue
        if result is None:
            raise missing()
        if not result.is_expected:
            raise changed_meanwhile()
        refuse(result)
        if result.is_done:
            return result


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
