"""What a client may conclude from what it sees."""

import httpx2
import pytest

from bench.faults.answers import broken, read
from bench.faults.ledger import Outcome


def outcome(status: int, kind: str = "") -> Outcome:
    body = {"type": f"urn:wellhead:{kind}"} if kind else {"id": "1"}
    return read(httpx2.Response(status, json=body), 0.0).outcome


@pytest.mark.parametrize("status", [200, 201])
def test_a_success_is_an_acknowledgement(status: int) -> None:
    assert outcome(status) is Outcome.ACKNOWLEDGED


@pytest.mark.parametrize("status", [401, 409, 422, 503])
def test_a_refusal_says_that_nothing_was_done(status: int) -> None:
    assert outcome(status, "saturated") is Outcome.REFUSED


@pytest.mark.parametrize("status", [500, 504])
def test_another_error_says_nothing(status: int) -> None:
    assert outcome(status) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("status", "kind"), [(503, "outcome_unknown"), (409, "idempotency-key-in-use")]
)
def test_a_problem_may_say_that_nobody_knows(status: int, kind: str) -> None:
    assert outcome(status, kind) is Outcome.UNKNOWN


def test_an_answer_without_json_is_read_by_its_status() -> None:
    answer = read(httpx2.Response(500, text="Internal Server Error"), 0.0)

    assert (answer.words, answer.outcome) == ("500", Outcome.UNKNOWN)


def test_a_connection_that_was_never_made_has_sent_nothing() -> None:
    assert broken(httpx2.ConnectError("refused"), 0.0).outcome is Outcome.REFUSED


def test_a_connection_that_broke_says_nothing() -> None:
    answer = broken(httpx2.ReadError("reset"), 0.0)

    assert (answer.words, answer.outcome) == ("connection cut", Outcome.UNKNOWN)


def test_a_client_that_gave_up_knows_nothing() -> None:
    answer = broken(TimeoutError(), 0.0)

    assert (answer.words, answer.outcome) == ("no answer", Outcome.UNKNOWN)
