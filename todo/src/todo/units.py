"""Units of work: what is done in one transaction, and may have to be done again.

The database runs a unit again by itself wherever nothing of it can have been committed. A unit
that may also be done twice gets here the one more chance that the database cannot give it.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead import CommitUnknownError, WellheadError

logger = logging.getLogger(__name__)

T = TypeVar("T")

Session: TypeAlias = AsyncSession
"""The transaction that a unit of work gets, for routes: they pass it on."""

Work: TypeAlias = Callable[[Session], Awaitable[T]]
"""What is to be done in one transaction; all that it does outside of it may be done twice."""

MOST_UNKNOWN = 3
"""So many COMMITs of one unit may stay without an answer; after that the network is to blame."""


class Runner(Protocol):
    """Whatever runs a unit of work and commits it, such as `Database.run`."""

    async def __call__(self, work: Work[T], /) -> T:
        """Run it, again where nothing of it can have been committed."""


async def run_change(run: Runner, work: Work[T], *, condition: object | None) -> T:
    """Run a unit that sets values: it may be done twice where no condition was set.

    With one it may not: its own first time would break the condition, and be taken for somebody
    else's change.

    Raises:
        CommitUnknownError: Nobody knows whether it was committed.
    """
    return await (run_repeatable(run, work) if condition is None else run(work))


async def run_repeatable(run: Runner, work: Work[T]) -> T:
    """Run a unit that may be done twice: again also when nobody knows whether it was committed.

    Costs nothing where the COMMIT is answered.

    Raises:
        CommitUnknownError: Three COMMITs in a row were not answered, or after one of them the
            database failed in another way: that attempt did nothing, but the one before may have.
    """
    unknown: CommitUnknownError | None = None
    unanswered: list[CommitUnknownError] = []
    for _ in range(MOST_UNKNOWN):
        try:
            result = await run(work)
        except CommitUnknownError as error:
            unknown = error
            unanswered.append(error)
            logger.warning("a COMMIT was not answered; its work may be done twice")
        except (SQLAlchemyError, WellheadError) as error:
            if unknown is None:
                raise
            raise unknown from error
        else:
            for each in unanswered:
                each.is_resolved = True
            return result
    assert unknown is not None  # noqa: S101 - nothing else ends the loop
    raise unknown
