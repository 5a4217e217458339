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
    """The database that was passed to `create_app`; open while requests are served."""
    found: Database = request.app.state.database
    return found


class Result(Protocol):
    """What a statement reports about a write to an existing object.

    Attributes:
        is_expected: Whether the client knew the previous state.
        is_done: Whether the object is as requested; otherwise another write came in between.
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
    """Do a write with one statement, and repeat it while another write comes in between.

    Args:
        write: The statement, which commits by itself; None means that the object does not exist.
        missing: The exception to raise then.
        is_repeatable: Whether doing it twice has the same result.
        refuse: Raises for any other objection.
        explain: Raises what a constraint violation means; returns if a repetition may succeed.

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
    """Do a write that must not simply be done twice, and repeat it once if it got no reply.

    The second time either does it, so the first did nothing; or it finds nothing to do, and then it
    is unknown whether the first time did it.

    Args:
        write: One statement that commits by itself.
        is_done: Whether its result says that it wrote.

    Raises:
        CommitUnknownError: It got no reply, and did nothing the second time, or failed.
    """
    try:
        return await write()
    except CommitUnknownError as unknown:
        with still(unknown):
            result = await write()
        if not is_done(result):
            raise
        return result


async def deleted(
    write: Callable[[], Awaitable[object | None]], *, missing: Callable[[], NotFoundError]
) -> None:
    """Delete an object of which any state will do.

    Args:
        write: One statement that commits by itself; None means that the object does not exist.
        missing: The exception to raise then.

    Raises:
        CommitUnknownError: It is not known whether it was deleted.
    """
    if await settled(write, is_done=lambda found: found is not None) is None:
        raise missing()


@contextmanager
def still(unknown: CommitUnknownError | None) -> Iterator[None]:
    """If the second time fails, raise that the outcome of the first is unknown.

    A constraint violation is conclusive: had the first time been committed, the second would not
    have got that far.
    """
    try:
        yield
    except (CommitUnknownError, IntegrityError, TodoError):
        raise
    except Exception as error:
        if unknown is None:
            raise
        raise unknown from error
