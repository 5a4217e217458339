"""For how long nothing succeeded, counted from what clients saw."""

from bench.faults.ledger import Answer, Outcome
from bench.fleet.faults.gaps import longest_gap


def answers(*moments: float, outcome: Outcome = Outcome.ACKNOWLEDGED) -> list[Answer]:
    return [Answer(outcome, "", moment - 0.5, moment) for moment in moments]


def test_the_longest_gap_lies_between_two_successes() -> None:
    assert longest_gap(answers(7, 1, 2, 9), began=0, ended=10) == 5


def test_a_failure_ends_no_gap() -> None:
    failed = answers(4, outcome=Outcome.REFUSED) + answers(5, outcome=Outcome.UNKNOWN)

    assert longest_gap([*answers(2, 8), *failed], began=0, ended=9) == 6


def test_a_gap_may_last_from_the_beginning_or_to_the_end() -> None:
    assert longest_gap(answers(6, 7), began=0, ended=8) == 6
    assert longest_gap(answers(1, 2), began=0, ended=8) == 6
    assert longest_gap([], began=0, ended=8) == 8


def test_what_succeeds_outside_of_the_span_does_not_count() -> None:
    assert longest_gap(answers(1, 12), began=4, ended=10) == 6
