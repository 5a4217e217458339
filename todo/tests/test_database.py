"""A write without a reply, and what its second time says about the first."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy.exc import IntegrityError

from todo.database import settled
from todo.errors import TodoError
from todo.idempotency.creation import Creation
from todo.idempotency.service import Idempotency, create
from wellhead import CommitUnknownError, Database, PoolTimeout


def unanswered() -> CommitUnknownError:
    """A write was sent, and that is all that is known."""
    return CommitUnknownError("it was not answered")


VERDICTS = [
    IntegrityError("INSERT", {}, Exception("duplicate key")),
    TodoError("It is not there.", code="gone"),
]
"""Failures that say by themselves that the first time did nothing."""


def outcomes(*results: object) -> Callable[..., Awaitable[Any]]:
    """A function that returns or raises these, one after the other."""
    left = list(results)

    async def write(*_: object, **__: object) -> object:
        result = left.pop(0)
        if isinstance(result, BaseException):
            raise result
        return result

    return write


async def test_what_is_answered_is_done_once() -> None:
    assert await settled(outcomes("first", "second"), is_done=bool) == "first"


async def test_what_the_second_time_does_the_first_has_not_done() -> None:
    assert await settled(outcomes(unanswered(), "second"), is_done=bool) == "second"


@pytest.mark.parametrize(
    "second", [None, unanswered(), OSError("no route"), PoolTimeout("no connection came free")]
)
async def test_where_the_second_time_does_nothing_the_first_stays_unknown(second: object) -> None:
    with pytest.raises(CommitUnknownError):
        await settled(outcomes(unanswered(), second), is_done=bool)


@pytest.mark.parametrize("verdict", VERDICTS)
async def test_a_verdict_on_the_second_time_is_one_on_the_first(verdict: Exception) -> None:
    with pytest.raises(type(verdict)):
        await settled(outcomes(unanswered(), verdict), is_done=bool)


class StagedCreation:
    """A creation whose statement has these outcomes."""

    def __init__(self, *results: object) -> None:
        self.keyed = self.plain = self
        self.one = self.one_or_none = self.find = outcomes(*results)


@pytest.mark.parametrize(
    "failures",
    [
        [unanswered(), OSError("no route")],
        [unanswered(), unanswered(), unanswered()],
        [unanswered(), unanswered(), PoolTimeout("no connection came free")],
    ],
)
async def test_a_keyed_creation_that_fails_again_stays_unknown(failures: list[Exception]) -> None:
    idempotency = Idempotency(b"secret", timedelta(hours=1))

    with pytest.raises(CommitUnknownError):
        await create(
            cast("Database", None),
            cast("Creation", StagedCreation(*failures)),
            {"now": datetime.now(UTC)},
            location="/",
            submission=idempotency.submission(scope="me", key="once", request=""),
        )


async def test_a_creation_that_is_done_already_and_cannot_be_read_stays_unknown() -> None:
    """No row is returned if a first time without a reply has created the object."""
    with pytest.raises(CommitUnknownError):
        await create(
            cast("Database", None),
            cast("Creation", StagedCreation(None, PoolTimeout("no connection came free"))),
            {"now": datetime.now(UTC)},
            location="/",
        )
