"""What several failures at once mean."""

import asyncio

import pytest
from sqlalchemy.exc import IntegrityError

from wellhead import (
    AuthenticationError,
    CommitUnknownError,
    Fault,
    PoolTimeout,
    ReadOnlyError,
    StartingError,
    UnreachableError,
    classify,
)
from wellhead.errors.discretion import words_of
from wellhead.errors.groups import leaves_of

UNKNOWN = CommitUnknownError.after_silence()
AWAY = UnreachableError("nobody there")
STARTING = StartingError("waking up")
REFUSED = AuthenticationError("wrong password", sqlstate="28P01")
MISTAKE = ReadOnlyError("a write")
FULL = PoolTimeout("full")
BUG = ValueError("a mistake elsewhere")
TAKEN = IntegrityError(None, None, Exception())
TAKEN.orig.sqlstate = "23505"  # type: ignore[union-attr]


def group(*errors: Exception) -> ExceptionGroup[Exception]:
    return ExceptionGroup("tasks", errors)


def test_the_exceptions_of_nested_groups_come_in_their_order() -> None:
    nested = group(AWAY, group(group(TAKEN), UNKNOWN), BUG)

    assert leaves_of(nested) == (AWAY, TAKEN, UNKNOWN, BUG)
    assert leaves_of(BUG) == (BUG,)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (group(TAKEN), Fault.UNIQUE),
        (group(group(group(AWAY))), Fault.UNREACHABLE),
        (group(AWAY, UNKNOWN, MISTAKE), Fault.OUTCOME_UNKNOWN),
        (group(AWAY, TAKEN, MISTAKE), Fault.PROGRAMMING),
        (group(AWAY, FULL, TAKEN), Fault.UNIQUE),
        (group(AWAY, FULL), Fault.SATURATED),
        (group(BUG, AWAY), Fault.UNREACHABLE),
        (group(BUG), Fault.UNKNOWN),
        (BaseExceptionGroup("", [asyncio.CancelledError(), TAKEN]), Fault.UNIQUE),
    ],
)
def test_the_exception_that_forbids_most_decides(error: BaseException, fault: Fault) -> None:
    found = classify(error)

    assert (found.fault, found.outcome_unknown) == (fault, fault is Fault.OUTCOME_UNKNOWN)


def test_a_group_can_run_again_only_where_each_of_it_can() -> None:
    assert classify(group(AWAY, STARTING)).can_run_again
    for other in (UNKNOWN, TAKEN, MISTAKE, FULL, REFUSED, BUG, group(UNKNOWN)):
        assert not classify(group(AWAY, other)).can_run_again
    assert classify(group(AWAY, FULL)).is_transient
    assert not classify(group(AWAY, BUG)).is_transient


def test_a_group_is_worth_the_longest_wait_of_its_exceptions_or_none() -> None:
    assert classify(group(STARTING, AWAY)).retry_after == 2
    assert classify(group(STARTING, TAKEN)).retry_after is None
    assert classify(group(REFUSED)).retry_after == 30


def test_the_servers_code_and_the_words_are_those_of_the_one_that_decides() -> None:
    assert classify(group(AWAY, REFUSED)).sqlstate == "28P01"
    assert words_of(group(AWAY, REFUSED)) == "wrong password"
