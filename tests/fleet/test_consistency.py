"""The checker finds every kind of broken promise, and nothing in a history without any."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from bench.faults.ledger import Outcome
from bench.fleet.consistency import (
    check,
    denied_writes,
    doubled_writes,
    lost_writes,
    non_monotonic_reads,
    stale_reads,
    stray_values,
    writes_of_old_primaries,
)
from bench.fleet.history import Handover, Kind, Operation, Promotion

ANN, BOB, EVE = 1, 2, 3
LOST_OUTCOMES = [Outcome.REFUSED, Outcome.UNKNOWN]


def write(client: int, value: int, began: float, ended: float, **rest: Any) -> Operation:
    return Operation(client, rest.pop("key", "a"), Kind.WRITE, value, began, ended, **rest)


def read(client: int, value: int, began: float, ended: float, **rest: Any) -> Operation:
    return Operation(client, rest.pop("key", "a"), Kind.READ, value, began, ended, **rest)


def test_a_read_that_sees_the_own_write_is_fresh() -> None:
    assert stale_reads([write(ANN, 1, 1, 2), read(ANN, 1, 3, 4)]) == []


def test_a_read_that_misses_the_own_write_is_stale() -> None:
    missing = read(ANN, 0, 3, 4)

    assert stale_reads([write(ANN, 1, 1, 2), missing]) == [missing]


def test_a_read_that_sees_a_later_write_is_fresh() -> None:
    assert stale_reads([write(ANN, 1, 1, 2), write(BOB, 2, 1, 2), read(ANN, 2, 3, 4)]) == []


def test_a_later_write_of_the_client_does_not_make_an_earlier_one_enough() -> None:
    old = read(ANN, 1, 5, 6)

    assert stale_reads([write(ANN, 1, 1, 2), write(ANN, 2, 3, 4), old]) == [old]


def test_the_order_in_which_operations_are_recorded_is_none() -> None:
    missing = read(ANN, 0, 3, 4)

    assert stale_reads([missing, write(ANN, 1, 1, 2)]) == [missing]


@pytest.mark.parametrize(
    "innocent",
    [
        [write(BOB, 1, 1, 2), read(ANN, 0, 3, 4)],
        [write(ANN, 1, 1, 2, key="b"), read(ANN, 0, 3, 4)],
        [write(ANN, 1, 1, 4), read(ANN, 0, 2, 3)],
        [write(ANN, 1, 1, 3), read(ANN, 0, 2, 4)],
    ],
    ids=["of a stranger", "of another key", "that ended later", "at the same time"],
)
def test_a_read_need_not_see_a_write(innocent: list[Operation]) -> None:
    assert stale_reads(innocent) == []


@pytest.mark.parametrize("outcome", LOST_OUTCOMES)
def test_a_read_need_not_see_a_write_that_was_not_acknowledged(outcome: Outcome) -> None:
    unsure = write(ANN, 1, 1, 2, outcome=outcome)

    assert stale_reads([unsure, read(ANN, 0, 3, 4)]) == []
    assert stale_reads([unsure, read(ANN, 1, 3, 4)]) == []


@pytest.mark.parametrize("outcome", LOST_OUTCOMES)
@pytest.mark.parametrize("reads", [stale_reads, non_monotonic_reads])
def test_a_read_that_failed_shows_nothing(
    reads: Callable[[list[Operation]], list[Operation]], outcome: Outcome
) -> None:
    history = [write(ANN, 1, 1, 2), read(ANN, 1, 3, 4), read(ANN, 0, 5, 6, outcome=outcome)]

    assert reads(history) == []


def test_the_receiver_of_a_mark_must_see_what_its_giver_wrote() -> None:
    history = [write(ANN, 1, 1, 2), read(BOB, 0, 5, 6)]

    assert stale_reads(history, [Handover(ANN, BOB, 3, 4)]) == history[1:]
    assert stale_reads(history, [Handover(ANN, EVE, 3, 4)]) == []
    assert stale_reads(history, [Handover(BOB, ANN, 3, 4)]) == []


def test_a_mark_says_nothing_of_what_is_written_later() -> None:
    history = [write(ANN, 1, 2, 3), read(BOB, 0, 5, 6)]

    assert stale_reads(history, [Handover(ANN, BOB, given=1, taken=4)]) == []
    assert stale_reads(history, [Handover(ANN, BOB, given=4, taken=5.5)]) == []


def test_a_mark_is_passed_on_with_what_came_with_it() -> None:
    history = [write(ANN, 1, 1, 2), read(EVE, 0, 7, 8)]
    chain = [Handover(ANN, BOB, 3, 4), Handover(BOB, EVE, 5, 6)]

    assert stale_reads(history, chain) == history[1:]
    assert stale_reads(history, [Handover(BOB, EVE, 3, 4), Handover(ANN, BOB, 5, 6)]) == []


def test_a_mark_does_not_take_away_what_its_receiver_knew() -> None:
    history = [write(ANN, 1, 1, 2), write(BOB, 2, 1, 2), read(BOB, 1, 5, 6)]

    assert stale_reads(history, [Handover(ANN, BOB, 3, 4)]) == history[2:]


def test_a_read_that_shows_less_than_an_earlier_one_is_not_monotonic() -> None:
    earlier, later = read(ANN, 2, 1, 2), read(ANN, 1, 3, 4)

    assert non_monotonic_reads([earlier, later]) == [later]
    assert non_monotonic_reads([read(ANN, 1, 1, 2), read(ANN, 1, 3, 4)]) == []
    assert non_monotonic_reads([read(ANN, 1, 1, 2), read(ANN, 2, 3, 4)]) == []


@pytest.mark.parametrize(
    "second",
    [read(BOB, 1, 3, 4), read(ANN, 1, 3, 4, key="b"), read(ANN, 1, 1.5, 4)],
    ids=["of another client", "of another key", "at the same time"],
)
def test_reads_that_do_not_follow_each_other_have_no_order(second: Operation) -> None:
    assert non_monotonic_reads([read(ANN, 2, 1, 2), second]) == []


def test_a_mark_carries_what_its_giver_has_read() -> None:
    history = [read(ANN, 2, 1, 2), read(BOB, 1, 5, 6)]

    assert non_monotonic_reads(history, [Handover(ANN, BOB, 3, 4)]) == history[1:]


def test_an_acknowledged_write_that_is_not_there_is_lost() -> None:
    history = [write(ANN, 1, 1, 2), write(ANN, 2, 3, 4)]

    assert lost_writes(history, {"a": [1, 2]}) == []
    assert lost_writes(history, {"a": [2]}) == history[:1]
    assert lost_writes(history, {"b": [1, 2]}) == history


@pytest.mark.parametrize("outcome", LOST_OUTCOMES)
def test_a_write_that_was_not_acknowledged_may_be_missing(outcome: Outcome) -> None:
    assert lost_writes([write(ANN, 1, 1, 2, outcome=outcome)], {}) == []


def test_an_unknown_write_that_was_seen_must_stay() -> None:
    unsure = write(ANN, 1, 1, 2, outcome=Outcome.UNKNOWN)
    history = [unsure, read(BOB, 1, 3, 4)]

    assert lost_writes(history, {}) == [unsure]
    assert lost_writes(history, {"a": [1]}) == []


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_write_that_is_there_twice_is_doubled(outcome: Outcome) -> None:
    history = [write(ANN, 1, 1, 2, outcome=outcome)]

    assert doubled_writes(history, {"a": [1, 1]}) == history
    assert doubled_writes(history, {"a": [1], "b": [1]}) == []


def test_a_refused_write_that_is_there_is_denied() -> None:
    refused = write(ANN, 1, 1, 2, outcome=Outcome.REFUSED)

    assert denied_writes([refused], {"a": [1]}) == [refused]
    assert denied_writes([refused], {"a": []}) == []
    assert denied_writes([write(ANN, 1, 1, 2, outcome=Outcome.UNKNOWN)], {"a": [1]}) == []


def test_a_value_that_nobody_wrote_is_stray() -> None:
    history = [write(ANN, 1, 1, 2), read(BOB, 7, 1, 2), read(BOB, 0, 3, 4)]

    assert stray_values(history, {"a": [1, 9]}) == [("a", 7), ("a", 9)]
    assert stray_values(history[:1], {"a": [1]}) == []


def test_an_old_primary_takes_no_write_after_a_promotion() -> None:
    promotions = [Promotion("one", at=0), Promotion("two", at=5)]
    split = write(ANN, 2, 6, 7, server="one")

    assert writes_of_old_primaries([split], promotions) == [split]
    assert writes_of_old_primaries([write(ANN, 2, 6, 7, server="two")], promotions) == []
    assert writes_of_old_primaries([write(ANN, 1, 1, 2, server="one")], promotions) == []


def test_a_write_during_a_promotion_may_be_taken_by_either() -> None:
    promotions = [Promotion("one", at=0), Promotion("two", at=5), Promotion("three", at=6)]
    spanning = [write(ANN, 1, 4, 7, server=server) for server in ("one", "two", "three")]

    assert writes_of_old_primaries(spanning, promotions) == []


def test_a_server_that_comes_back_is_a_primary_again() -> None:
    promotions = [Promotion("one", 0), Promotion("two", 5), Promotion("one", 9)]

    assert writes_of_old_primaries([write(ANN, 1, 10, 11, server="one")], promotions) == []
    assert len(writes_of_old_primaries([write(ANN, 1, 6, 8, server="one")], promotions)) == 1


@pytest.mark.parametrize(
    "innocent",
    [write(ANN, 1, 6, 7), write(ANN, 1, 6, 7, server="one", outcome=Outcome.REFUSED)],
    ids=["on an unknown server", "that was refused"],
)
def test_a_write_is_not_held_against_an_old_primary(innocent: Operation) -> None:
    assert writes_of_old_primaries([innocent], [Promotion("two", at=5)]) == []


def test_all_checks_are_made_and_counted() -> None:
    clock = itertools.count(1)
    steps = [
        write(ANN, 2, next(clock), next(clock)),
        read(ANN, 2, next(clock), next(clock)),
        read(ANN, 1, next(clock), next(clock)),
        write(BOB, 3, next(clock), next(clock), server="one"),
        write(BOB, 4, next(clock), next(clock), outcome=Outcome.REFUSED),
    ]
    findings = check(steps, {"a": [3, 3, 4]}, promotions=[Promotion("two", at=0)])

    assert findings.counts() == {
        "stale": 1, "non_monotonic": 1, "lost": 1, "doubled": 1, "denied": 1, "stray": 1,
        "from_old_primaries": 1,
    }  # fmt: skip


def test_a_history_without_a_fault_has_no_findings() -> None:
    steps = [write(ANN, 1, 1, 2, server="one"), read(ANN, 1, 3, 4), read(BOB, 0, 3, 4)]
    findings = check(
        steps, {"a": [1]}, handovers=[Handover(ANN, BOB, 5, 6)], promotions=[Promotion("one", 0)]
    )

    assert set(findings.counts().values()) == {0}
