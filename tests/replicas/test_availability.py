"""When a replica is left out, for how long, and when it is back."""

import logging

import pytest

from wellhead.replicas.availability import Availability


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def replica(clock: Clock) -> Availability:
    return Availability("two", clock)


def breaks_of(replica: Availability, clock: Clock, failures: int) -> list[float]:
    """For how long a replica is left out after each of several failures in a row."""
    found = []
    for _ in range(failures):
        began = clock.now
        replica.leave_out("unavailable", "it is away")
        while not replica.is_due:
            clock.now += 0.5
        found.append(clock.now - began)
    return found


def test_it_gets_no_reads_until_it_was_tried(replica: Availability) -> None:
    assert (replica.is_up, replica.is_due, replica.reason) == (False, True, None)

    replica.let_in()

    assert (replica.is_up, replica.is_due) == (True, False)


def test_its_breaks_are_doubled_up_to_half_a_minute(replica: Availability, clock: Clock) -> None:
    assert breaks_of(replica, clock, 7) == [1, 2, 4, 8, 16, 30, 30]


def test_a_success_begins_with_short_breaks_again(replica: Availability, clock: Clock) -> None:
    breaks_of(replica, clock, 3)

    replica.let_in()
    replica.leave_out("lagging", "it lags")
    clock.now += 1

    assert replica.is_due
    assert (replica.reason, replica.left_out) == ("lagging", 2)


def test_many_readers_that_fail_at_once_are_one_failure(
    replica: Availability, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    replica.let_in()

    for _ in range(5):
        replica.leave_out("unavailable", "it is away")
    clock.now += 1

    assert replica.is_due
    assert replica.left_out == 1
    assert len(caplog.records) == 1
