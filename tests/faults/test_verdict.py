"""The verdict sees every way in which a table and the answers can disagree."""

from bench.faults.ledger import Answer, Batch, Ledger, Outcome, Write
from bench.faults.verdict import Row, judge

DONE = Answer(Outcome.ACKNOWLEDGED, "201", 0.0, 0.1, "id")
REFUSED = Answer(Outcome.REFUSED, "503 unreachable", 0.0, 0.1)
OPEN = Answer(Outcome.UNKNOWN, "no answer", 0.0, 0.1)


def kinds(write: Write, *rows: Row) -> list[str]:
    return [wrong.kind for wrong in judge(Ledger([write]), rows)]


def test_what_was_acknowledged_and_is_there_once_is_right() -> None:
    assert kinds(Write(0, "a", None, DONE), Row("a", None)) == []


def test_what_was_acknowledged_and_is_not_there_is_lost() -> None:
    assert kinds(Write(0, "a", None, DONE)) == ["lost"]


def test_what_is_there_twice_is_doubled() -> None:
    assert kinds(Write(0, "a", "key", DONE), Row("a", None), Row("a", None)) == ["doubled"]


def test_what_was_refused_and_is_not_there_is_right() -> None:
    assert kinds(Write(0, "a", None, REFUSED)) == []


def test_what_was_refused_and_is_there_is_denied() -> None:
    assert kinds(Write(0, "a", None, REFUSED), Row("a", None)) == ["denied"]


def test_what_is_unknown_without_a_key_may_be_there_or_not() -> None:
    assert kinds(Write(0, "a", None, OPEN), Row("a", None)) == []
    assert kinds(Write(0, "a", None, OPEN)) == []


def test_what_is_unknown_without_a_key_may_not_be_there_twice() -> None:
    assert kinds(Write(0, "a", None, OPEN), Row("a", None), Row("a", None)) == ["doubled"]


def test_what_is_unknown_with_a_key_must_be_resolved() -> None:
    assert kinds(Write(0, "a", "key", OPEN)) == ["unresolved"]
    assert kinds(Write(0, "a", "key", OPEN, resolved=OPEN), Row("a", None)) == ["unresolved"]


def test_what_was_resolved_is_there_exactly_once() -> None:
    resolved = Write(0, "a", "key", OPEN, resolved=DONE)

    assert kinds(resolved, Row("a", None)) == []
    assert kinds(resolved) == ["lost"]
    assert kinds(resolved, Row("a", None), Row("a", None)) == ["doubled"]


def test_what_nobody_asked_for_is_stray() -> None:
    assert kinds(Write(0, "a", None, DONE), Row("a", None), Row("b", None)) == ["stray"]
    assert kinds(Write(0, "a", None, DONE), Row("a", "a note")) == ["stray"]


def test_a_note_is_judged_like_a_task() -> None:
    def noted(patch: Answer, found: str | None, resolved: Answer | None = None) -> list[str]:
        write = Write(0, "a", None, DONE, "note", patch, patch_resolved=resolved)
        return kinds(write, Row("a", found))

    assert noted(DONE, "note") == []
    assert noted(DONE, None) == ["lost"]
    assert noted(REFUSED, None) == []
    assert noted(REFUSED, "note") == ["denied"]
    assert noted(OPEN, "note") == ["unresolved"]
    assert noted(OPEN, "note", DONE) == []
    assert noted(OPEN, None, DONE) == ["lost"]


def test_a_request_is_late_whatever_its_answer() -> None:
    slow = Answer(Outcome.REFUSED, "503", 10.0, 15.5)

    assert Ledger([Write(0, "a", None, slow)]).late(5.0) == [slow]
    assert Ledger([Write(0, "a", None, slow)]).late(6.0) == []


def test_a_request_that_waits_for_the_application_to_start_is_late_after_that() -> None:
    slow = Answer(Outcome.ACKNOWLEDGED, "201", 10.0, 20.0)
    ledger = Ledger([Write(0, "a", None, slow)])

    assert ledger.late(5.0, starts=[1.0, 16.0, 30.0]) == []
    assert ledger.late(5.0, starts=[1.0, 14.0, 30.0]) == [slow]


def test_all_are_served_again_when_the_last_client_was() -> None:
    def served(client: int, ended: float) -> Write:
        return Write(client, "a", None, Answer(Outcome.ACKNOWLEDGED, "201", 0.0, ended))

    ledger = Ledger([served(0, 9.0), served(0, 11.0), served(1, 12.5), served(1, 20.0)])

    assert ledger.all_served_after(10.0, 2) == 2.5
    assert ledger.all_served_after(13.0, 2) is None


def batch_kinds(answer: Answer, *completed: bool, resolved: Answer | None = None) -> list[str]:
    titles = [str(number) for number in range(len(completed))]
    ledger = Ledger(
        [Write(0, title, None, DONE) for title in titles],
        [Batch(0, titles, titles, None, answer, resolved)],
    )
    rows = [Row(title, None, done) for title, done in zip(titles, completed, strict=True)]
    return [wrong.kind for wrong in judge(ledger, rows)]


def test_tasks_at_once_are_all_completed_or_none() -> None:
    assert batch_kinds(DONE, True, True) == []
    assert batch_kinds(DONE, False, False) == ["lost"]
    assert batch_kinds(REFUSED, False, False) == []
    assert batch_kinds(REFUSED, True, True) == ["denied"]
    for answer in (DONE, REFUSED, OPEN):
        assert batch_kinds(answer, True, False) == ["torn"]


def test_an_unknown_batch_is_repeated() -> None:
    assert batch_kinds(OPEN, True, True) == ["unresolved"]
    assert batch_kinds(OPEN, True, True, resolved=DONE) == []
    assert batch_kinds(OPEN, False, False, resolved=DONE) == ["lost"]


def test_a_task_that_nobody_completed_is_stray() -> None:
    assert kinds(Write(0, "a", None, DONE), Row("a", None, True)) == ["stray"]
