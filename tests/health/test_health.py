"""What is known of the database, and what it costs to know it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

import pytest
from sqlalchemy.exc import DBAPIError

from wellhead import (
    Fault,
    HealthReport,
    StartingError,
    UnreachableError,
)
from wellhead.health.health import FAILED_FOR, FRESH_FOR, MOST_LOSSES, REFUSED_FOR, Health


class Clock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


class Answers:
    """A database that can be asked: counts the questions, and answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.is_read_only = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self) -> bool:
        self.asked += 1
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return self.is_read_only


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def answers() -> Answers:
    return Answers()


class Uses:
    """The pool: counts its uses for health, which may fail."""

    def __init__(self) -> None:
        self.count = 0
        self.error: Exception | None = None

    async def __call__(self) -> None:
        self.count += 1
        if self.error is not None:
            raise self.error


@pytest.fixture
def uses() -> Uses:
    return Uses()


@pytest.fixture
def health(answers: Answers, uses: Uses, clock: Clock) -> Health:
    return Health(answers, may_sleep=False, use_pool=uses, clock=clock)


@pytest.fixture
def sleeper(answers: Answers, uses: Uses, clock: Clock) -> Health:
    """The health of a database that sleeps when it is left alone."""
    return Health(answers, may_sleep=True, use_pool=uses, clock=clock)


async def waiting(report: Callable[[], Awaitable[HealthReport]]) -> "asyncio.Task[HealthReport]":
    """A task that has come as far as waiting for the answer."""
    task = asyncio.ensure_future(report())
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_traffic_is_evidence_as_long_as_it_is_fresh(
    health: Health, answers: Answers, clock: Clock
) -> None:
    health.record_success()
    clock.forward(FRESH_FOR - 1)
    report = await health.report()

    assert report == HealthReport(True, "connected", None, "traffic", FRESH_FOR - 1)
    assert answers.asked == 0


async def test_without_fresh_evidence_the_database_is_asked_and_the_answer_stands(
    health: Health, answers: Answers, clock: Clock
) -> None:
    health.record_success()
    clock.forward(FRESH_FOR)
    first = await health.report()
    clock.forward(FRESH_FOR - 1)
    second = await health.report()

    assert first == HealthReport(True, "connected", None, "probe", 0)
    assert second == HealthReport(True, "connected", None, "probe", FRESH_FOR - 1)
    assert answers.asked == 1


async def test_no_answer_is_unavailable_and_names_the_fault(
    health: Health, answers: Answers
) -> None:
    answers.error = StartingError("not yet")
    report = await health.report()

    assert report == HealthReport(False, "unavailable", Fault.STARTING, "probe", 0)


async def test_a_failure_stands_for_a_moment_only(
    health: Health, answers: Answers, clock: Clock
) -> None:
    answers.error = UnreachableError("down")
    await health.report()
    await health.report()
    assert answers.asked == 1

    answers.error = None
    clock.forward(FAILED_FOR)
    report = await health.report()

    assert report.is_healthy
    assert answers.asked == 2


async def test_a_failure_that_traffic_met_is_evidence_like_any_other(
    health: Health, answers: Answers
) -> None:
    health.record_failure(Fault.AUTHENTICATION)
    report = await health.report()

    assert report == HealthReport(False, "unavailable", Fault.AUTHENTICATION, "traffic", 0)
    assert answers.asked == 0


async def test_one_lost_connection_does_not_condemn_the_database(
    health: Health, answers: Answers
) -> None:
    health.record_failure(Fault.CONNECTION_LOST)
    report = await health.report()

    assert report == HealthReport(True, "connected", None, "probe", 0)
    assert answers.asked == 1


def lose(health: Health, times: int) -> None:
    for _ in range(times):
        health.record_failure(Fault.CONNECTION_LOST)


async def test_a_pool_whose_uses_keep_losing_their_connections_is_asked_itself(
    health: Health, answers: Answers, uses: Uses
) -> None:
    uses.error = DBAPIError(None, None, Exception(), connection_invalidated=True)
    lose(health, MOST_LOSSES)
    report = await health.report()

    assert (report.is_healthy, report.fault) == (False, Fault.CONNECTION_LOST)
    assert (uses.count, answers.asked) == (1, 0)


async def test_a_pool_that_works_again_is_ready_again(
    health: Health, uses: Uses, clock: Clock
) -> None:
    uses.error = DBAPIError(None, None, Exception(), connection_invalidated=True)
    lose(health, MOST_LOSSES)
    await health.report()
    uses.error = None
    clock.forward(FAILED_FOR)
    report = await health.report()

    assert (report.is_healthy, uses.count) == (True, 2)


async def test_losses_with_a_success_in_between_leave_the_pool_alone(
    health: Health, answers: Answers, uses: Uses
) -> None:
    lose(health, MOST_LOSSES - 1)
    health.record_success()
    lose(health, MOST_LOSSES - 1)
    report = await health.report()

    assert (report.is_healthy, uses.count, answers.asked) == (True, 0, 1)


async def test_all_who_ask_at_the_same_time_share_one_question(
    health: Health, answers: Answers
) -> None:
    reports = await asyncio.gather(*(health.report() for _ in range(20)))

    assert {report.state for report in reports} == {"connected"}
    assert answers.asked == 1


async def test_who_stops_waiting_does_not_end_the_question_for_the_others(
    health: Health, answers: Answers
) -> None:
    answers.may_answer.clear()
    first = await waiting(health.report)
    second = await waiting(health.report)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    answers.may_answer.set()

    assert (await second).is_healthy
    assert answers.asked == 1


async def test_traffic_that_is_answered_meanwhile_outweighs_a_failed_question(
    health: Health, answers: Answers
) -> None:
    answers.error = UnreachableError("no new connections")
    answers.may_answer.clear()
    asking = await waiting(health.report)
    health.record_success()
    answers.may_answer.set()

    assert await asking == HealthReport(True, "connected", None, "traffic", 0)


async def test_a_question_that_breaks_is_logged_and_answered_all_the_same(
    health: Health, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    answers.error = ZeroDivisionError("a mistake")
    report = await health.report()

    assert report == HealthReport(False, "unavailable", Fault.UNKNOWN, "probe", 0)
    assert [record.exc_info is not None for record in caplog.records] == [True]


async def test_closing_gives_up_the_question_and_lets_nobody_wait(
    health: Health, answers: Answers
) -> None:
    answers.may_answer.clear()
    asking = await waiting(health.report)
    await health.close()

    assert await asking == HealthReport.not_open()


async def test_closing_without_a_question_is_nothing(health: Health) -> None:
    await health.close()
    await health.report()
    await health.close()


async def test_a_database_that_sleeps_is_not_woken_to_be_asked(
    sleeper: Health, answers: Answers, clock: Clock
) -> None:
    assert await sleeper.report() == HealthReport(True, "idle", None, "none", None)

    sleeper.record_success()
    assert (await sleeper.report()).state == "connected"

    clock.forward(86400)
    assert await sleeper.report() == HealthReport(True, "idle", None, "traffic", 86400)
    assert answers.asked == 0


async def test_a_database_that_sleeps_is_asked_after_traffic_met_a_failure(
    sleeper: Health, answers: Answers, clock: Clock
) -> None:
    sleeper.record_failure(Fault.UNREACHABLE)
    clock.forward(FAILED_FOR)
    assert (await sleeper.report()).is_healthy

    clock.forward(86400)
    assert (await sleeper.report()).state == "idle"
    assert answers.asked == 1


async def test_a_refused_change_makes_the_server_be_asked_whether_it_takes_any(
    health: Health, answers: Answers, clock: Clock
) -> None:
    answers.is_read_only = True
    health.record_failure(Fault.READ_ONLY_SERVER)
    health.record_success()
    report = await health.report()

    assert report == HealthReport(False, "read_only", Fault.READ_ONLY_SERVER, "probe", 0)
    clock.forward(FRESH_FOR - 1)
    health.record_success()
    assert (await health.report()).state == "read_only"
    assert answers.asked == 1


async def test_a_transaction_that_was_read_only_by_itself_condemns_nobody(
    health: Health, answers: Answers
) -> None:
    health.record_failure(Fault.READ_ONLY_SERVER)
    health.record_success()

    assert (await health.report()).state == "connected"
    assert answers.asked == 1


async def test_a_server_that_takes_changes_again_is_noticed_without_one(
    health: Health, answers: Answers, clock: Clock
) -> None:
    answers.is_read_only = True
    await health.report()
    answers.is_read_only = False
    clock.forward(FRESH_FOR)
    health.record_success()

    assert (await health.report()).state == "connected"


async def test_a_sleeper_that_took_no_changes_is_not_woken_to_be_asked_again(
    sleeper: Health, answers: Answers, clock: Clock
) -> None:
    answers.is_read_only = True
    sleeper.record_success()
    sleeper.record_failure(Fault.READ_ONLY_SERVER)
    await sleeper.report()
    clock.forward(86400)

    assert (await sleeper.report()).state == "read_only"
    assert answers.asked == 1


async def test_whoever_got_no_connection_makes_the_pool_count_as_saturated_for_a_while(
    health: Health, answers: Answers, clock: Clock
) -> None:
    health.record_success()
    health.record_failure(Fault.SATURATED)
    report = await health.report()
    clock.forward(REFUSED_FOR)

    assert report == HealthReport(False, "saturated", Fault.SATURATED, "traffic", 0)
    assert (await health.report()).state == "connected"
    assert answers.asked == 0


async def test_a_full_queue_is_told_without_asking_the_database(
    answers: Answers, uses: Uses, clock: Clock
) -> None:
    health = Health(
        answers, may_sleep=False, use_pool=uses, queue_is_full=lambda: True, clock=clock
    )
    health.record_success()
    clock.forward(FRESH_FOR)

    assert (await health.report()).state == "saturated"
    assert answers.asked == 0


async def test_a_queue_that_is_full_because_the_database_is_away_is_no_saturation(
    answers: Answers, uses: Uses, clock: Clock
) -> None:
    health = Health(
        answers, may_sleep=False, use_pool=uses, queue_is_full=lambda: True, clock=clock
    )
    health.record_failure(Fault.UNREACHABLE)

    assert (await health.report()).fault is Fault.UNREACHABLE


async def test_what_is_known_is_told_without_a_question(
    health: Health, answers: Answers, clock: Clock
) -> None:
    assert health.known() == HealthReport(True, "idle", None, "none", None)
    health.record_failure(Fault.UNREACHABLE)
    clock.forward(3600)

    assert health.known() == HealthReport(False, "unavailable", Fault.UNREACHABLE, "traffic", 3600)
    assert answers.asked == 0


async def test_the_question_is_asked_in_the_context_of_nobody() -> None:
    """It is asked for all who ask at the time, and its log lines name none of them."""
    request: ContextVar[str | None] = ContextVar("request", default=None)
    seen = []

    async def ask() -> bool:
        seen.append(request.get())
        return False

    request.set("mine")
    health = Health(ask, may_sleep=False, use_pool=Uses())
    await health.report()

    assert seen == [None]
