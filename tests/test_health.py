"""What is known of the database, and what it costs to know it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlmodel import select

from tests.staging.proxy import TCPProxy
from wellhead import (
    ConnectError,
    Database,
    DatabaseSettings,
    Fault,
    HealthReport,
    PostgresURL,
    StartingError,
    UnreachableError,
)
from wellhead.health import FAILED_FOR, FRESH_FOR, Health


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
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self) -> None:
        self.asked += 1
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def health(answers: Answers, clock: Clock) -> Health:
    return Health(answers, may_sleep=False, clock=clock)


@pytest.fixture
def sleeper(answers: Answers, clock: Clock) -> Health:
    """The health of a database that sleeps when it is left alone."""
    return Health(answers, may_sleep=True, clock=clock)


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


# On a real database. Evidence is made to be stale at once, where a test says so.


@asynccontextmanager
async def opened(url: str, **settings: object) -> AsyncIterator[Database]:
    async with Database(
        DatabaseSettings(url=url, connect_timeout=1, connect_retry_count=1, **settings)
    ) as database:
        yield database


@pytest.fixture
def _stale_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wellhead.health.FRESH_FOR", 0.0)
    monkeypatch.setattr("wellhead.health.FAILED_FOR", 0.0)


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
def url(request: pytest.FixtureRequest, proxied_url: str) -> str:
    return proxied_url.replace("postgresql", request.param, 1)


async def read(database: Database) -> None:
    async with database.reader() as reader:
        await reader.exec(select(1))


async def test_opening_is_evidence_and_a_check_sends_nothing(url: str, proxy: TCPProxy) -> None:
    async with opened(url) as database:
        proxy.reset()
        report = await database.check()

        assert (report.state, report.evidence) == ("connected", "traffic")
        assert (proxy.connections, proxy.bytes_to_server) == (0, 0)


async def test_a_reader_that_is_answered_outweighs_an_earlier_failure(
    url: str, proxy: TCPProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wellhead.health.FAILED_FOR", 3600.0)
    async with opened(url, pool_mode="none") as database:
        await proxy.refuse()
        with pytest.raises(ConnectError):
            await read(database)
        await proxy.accept()
        await read(database)
        report = await database.check()

    assert (report.state, report.evidence) == ("connected", "traffic")


@pytest.mark.usefixtures("_stale_at_once")
async def test_a_database_at_neon_is_let_sleep(
    url: str, proxy: TCPProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresURL, "provider", "neon")
    async with opened(url) as database:
        proxy.reset()
        report = await database.check()

        assert (report.is_healthy, report.state) == (True, "idle")
        assert (proxy.connections, proxy.bytes_to_server) == (0, 0)


@pytest.mark.usefixtures("_stale_at_once")
async def test_twenty_probes_at_once_open_one_connection_past_the_pool(
    url: str, proxy: TCPProxy
) -> None:
    async with opened(url) as database:
        proxy.reset()
        reports = await asyncio.gather(*(database.check() for _ in range(20)))

        assert {(report.state, report.evidence) for report in reports} == {("connected", "probe")}
        assert proxy.connections == 1
        assert database.stats().total == 1


@pytest.mark.usefixtures("_stale_at_once")
async def test_a_pool_with_no_connection_left_does_not_keep_the_answer_back(url: str) -> None:
    async with (
        opened(url, pool_size=1, max_overflow=0) as database,
        database.session() as session,
    ):
        await session.connection()
        report = await database.check()

        assert (report.state, report.evidence) == ("connected", "probe")


@pytest.mark.usefixtures("_stale_at_once")
async def test_a_server_that_goes_down_is_noticed_and_so_is_its_return(
    url: str, proxy: TCPProxy
) -> None:
    async with opened(url) as database:
        await proxy.refuse()
        await proxy.cut()
        down = await database.check()
        await proxy.accept()
        up = await database.check()

    assert (down.is_healthy, down.fault, down.evidence) == (False, Fault.UNREACHABLE, "probe")
    assert (up.is_healthy, up.evidence) == (True, "probe")


@pytest.mark.usefixtures("_stale_at_once")
async def test_silence_is_answered_within_the_connect_timeout(url: str, proxy: TCPProxy) -> None:
    async with opened(url) as database:
        proxy.stall()
        report = await database.check()
        proxy.resume()

    assert (report.is_healthy, report.fault) == (False, Fault.UNREACHABLE)


async def test_traffic_that_cannot_connect_is_evidence(url: str, proxy: TCPProxy) -> None:
    async with opened(url, pool_mode="none") as database:
        await proxy.refuse()
        with pytest.raises(ConnectError):
            await read(database)
        report = await database.check()

    assert (report.is_healthy, report.fault) == (False, Fault.UNREACHABLE)
    assert report.evidence == "traffic"


@pytest.mark.usefixtures("_stale_at_once")
async def test_closing_does_not_wait_for_a_probe_that_hears_nothing(
    url: str, proxy: TCPProxy
) -> None:
    async with opened(url, pool_mode="none") as database:
        proxy.stall()
        asking = await waiting(database.check)

    assert await asking == HealthReport.not_open()


async def test_a_database_that_is_not_open_is_unavailable(database_url: str) -> None:
    report = await Database(DatabaseSettings(url=database_url)).check()

    assert report == HealthReport(False, "unavailable", Fault.NOT_OPEN, "none", None)
