"""Units of work: what is done in one transaction, and may have to be done again.

The database runs a unit again by itself wherever nothing of it can have been committed, and a
repeatable one also where that is not known.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, TypeVar

from sqlmodel.ext.asyncio.session import AsyncSession

T = TypeVar("T")

Session: TypeAlias = AsyncSession
"""The transaction that a unit of work gets, for routes: they pass it on."""

Work: TypeAlias = Callable[[Session], Awaitable[T]]
"""What is to be done in one transaction; all that it does outside of it may be done twice."""


class Runner(Protocol):
    """Whatever runs a unit of work and commits it, such as `Database.run`."""

    async def __call__(self, work: Work[T], /, *, is_repeatable: bool = False) -> T:
        """Run it, again where nothing of it can have been committed.

        A repeatable one also runs again where that is not known.
        """


async def run_change(run: Runner, work: Work[T], *, condition: object | None) -> T:
    """Run a unit that sets values: it may be done twice where no condition was set.

    With one it may not: its own first time would break the condition, and be taken for somebody
    else's change.

    Raises:
        CommitUnknownError: Nobody knows whether it was committed.
    """
    return await run(work, is_repeatable=condition is None)
