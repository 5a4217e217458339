"""Where requests should go: more, and less, than to a healthy database."""

import pytest

from wellhead.health import HealthReport, State
from wellhead.health.readiness import Reason, readiness


def report(state: State) -> HealthReport:
    return HealthReport(state in {"connected", "idle"}, state, None, "traffic", 0.0)


@pytest.mark.parametrize("state", ["connected", "idle", "saturated", "read_only"])
def test_requests_go_where_they_are_better_than_nowhere(state: State) -> None:
    answer = readiness(report(state), is_started=True)

    assert (answer.is_ready, answer.reason) == (True, None)
    assert answer.health == report(state)


@pytest.mark.parametrize("state", ["connected", "saturated"])
def test_a_process_that_was_never_ready_is_still_starting(state: State) -> None:
    answer = readiness(report(state), is_started=False)

    assert (answer.is_ready, answer.reason) == (False, "starting")


@pytest.mark.parametrize(
    ("state", "reason"),
    [("behind", "behind"), ("starting", "starting"), ("unavailable", "unavailable")],
)
@pytest.mark.parametrize("is_started", [True, False])
def test_no_requests_go_where_they_would_fail_and_it_says_why(
    state: State, reason: Reason, *, is_started: bool
) -> None:
    answer = readiness(report(state), is_started=is_started)

    assert (answer.is_ready, answer.reason) == (False, reason)


def test_replicas_serve_reads_without_their_primary() -> None:
    answer = readiness(report("unavailable"), is_started=True, has_replicas=lambda: True)

    assert (answer.is_ready, answer.reason) == (True, None)
    assert answer.health.state == "unavailable"


@pytest.mark.parametrize("state", ["behind", "starting", "unavailable"])
def test_replicas_do_not_let_a_process_start(state: State) -> None:
    answer = readiness(report(state), is_started=False, has_replicas=lambda: True)

    assert not answer.is_ready


@pytest.mark.parametrize("state", ["connected", "idle", "saturated", "read_only", "behind"])
def test_replicas_are_asked_for_only_without_their_primary(state: State) -> None:
    readiness(report(state), is_started=True, has_replicas=pytest.fail)
