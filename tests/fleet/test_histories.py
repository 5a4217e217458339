"""The checks find in an outage's history what is lost, and what an old primary took."""

from collections.abc import Sequence

import pytest

from bench.faults.clients import CLIENTS
from bench.faults.ledger import Answer, Batch, Ledger, Outcome, Write
from bench.faults.verdict import Row
from bench.fleet.consistency import Findings, check
from bench.fleet.faults.histories import completion, final, handovers, operations
from bench.fleet.faults.readers import Read
from bench.fleet.history import Handover, Promotion

SWITCHED = [Promotion("one", at=0), Promotion("two", at=5)]
BOTH = [Row("early", None), Row("late", None)]


def answer(
    began: float, ended: float, outcome: Outcome = Outcome.ACKNOWLEDGED, words: str = "201"
) -> Answer:
    return Answer(outcome, words, began, ended, task_id="id")


def written(title: str, began: float, ended: float) -> Write:
    return Write(0, title, None, answer(began, ended))


EARLY, LATE = written("early", 1, 2), written("late", 6, 7)


def checked(ledger: Ledger, rows: Sequence[Row], *reads: Read, **takers: str) -> dict[str, int]:
    found: Findings = check(
        operations(ledger, reads, takers),
        final(rows),
        handovers=handovers(reads),
        promotions=SWITCHED,
    )
    return {kind: count for kind, count in found.counts().items() if count}


def test_nothing_is_found_if_the_elected_server_has_everything() -> None:
    found = Read(0, EARLY, answer(3, 4, words="200"))

    assert checked(Ledger([EARLY, LATE]), BOTH, found, early="one", late="two") == {}


def test_what_an_asynchronous_primary_took_last_is_lost() -> None:
    assert checked(Ledger([EARLY, LATE]), [BOTH[1]], early="one", late="two") == {"lost": 1}


def test_what_an_old_primary_took_after_the_election_is_counted_of_its_own() -> None:
    lost = checked(Ledger([EARLY, LATE]), [BOTH[0]], early="one", late="one")

    assert lost == {"lost": 1, "from_old_primaries": 1}


def test_what_an_old_primary_did_not_acknowledge_is_not_held_against_it() -> None:
    held_back = Write(0, "late", None, answer(6, 7, Outcome.UNKNOWN, "504"))

    assert checked(Ledger([held_back]), [], late="one") == {}


def test_an_unknown_outcome_counts_as_what_its_repetition_said() -> None:
    unsure = Write(0, "late", "a key", answer(4, 5, Outcome.UNKNOWN, "504"), resolved=answer(8, 9))

    assert checked(Ledger([unsure]), [], late="one") == {"lost": 1}
    assert checked(Ledger([unsure]), [BOTH[1]], late="one") == {}


def test_a_read_has_the_mark_of_the_acknowledgement_that_it_asks_for() -> None:
    reads = [Read(3, EARLY, answer(3, 4, Outcome.REFUSED, "404 not-found"))]

    assert handovers(reads) == [Handover(0, CLIENTS + 3, given=2, taken=3)]
    assert checked(Ledger([EARLY]), [BOTH[0]], *reads) == {"stale": 1}


def test_what_was_shown_and_then_missing_is_not_monotonic() -> None:
    reads = [
        Read(0, EARLY, answer(3, 4, words="200")),
        Read(0, EARLY, answer(5, 6, Outcome.REFUSED, "404")),
        Read(1, EARLY, answer(5, 6, Outcome.REFUSED, "503 unreachable")),
    ]

    assert checked(Ledger([EARLY]), [BOTH[0]], *reads) == {"stale": 1, "non_monotonic": 1}


@pytest.mark.parametrize(
    ("row", "broken"),
    [
        (Row("early", "its note", is_completed=True), {}),
        (Row("early", None, is_completed=True), {"lost": 1}),
        (Row("early", "its note"), {"lost": 1}),
        (Row("early", "another", is_completed=True), {"lost": 1, "stray": 1}),
    ],
    ids=["all is there", "no note", "not completed", "a note of nobody"],
)
def test_notes_and_completions_are_writes_too(row: Row, broken: dict[str, int]) -> None:
    with_note = Write(0, "early", None, answer(1, 2), "its note", answer(2, 3))
    batch = Batch(0, ["early"], ["id"], None, answer(3, 4))

    assert checked(Ledger([with_note], [batch]), [row]) == broken


def test_a_completion_is_taken_by_a_server_of_its_own() -> None:
    batch = Batch(0, ["early"], ["id"], None, answer(6, 7))
    rows = [Row("early", None, is_completed=True)]
    takers = {"early": "one", completion("early"): "one"}

    found = checked(Ledger([EARLY], [batch]), rows, **takers)

    assert found == {"from_old_primaries": 1}
