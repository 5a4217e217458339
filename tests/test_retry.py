"""What is tried again, how often, and how far apart."""

import asyncio
import logging

import pytest

import wellhead
from tests.staging.patience import until
from wellhead import (
    AuthenticationError,
    ConnectError,
    Database,
    DatabaseNotFoundError,
    DatabaseSettings,
    StartingError,
    TLSError,
    TooManyConnectionsError,
    UnreachableError,
)
from wellhead.retry import MAX_DELAY, connect_with_retry, retry_until
from wellhead.testing.proxy import TCPProxy


class Attempts:
    """Fails with each of these in turn, then succeeds; remembers how long it was waited."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.made = 0
        self.waits: list[float] = []
        self.began = asyncio.Event()

    async def __call__(self) -> str:
        self.made += 1
        self.began.set()
        if self.errors:
            raise self.errors.pop(0)
        return "connected"

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.mark.parametrize("kind", [UnreachableError, StartingError, TooManyConnectionsError])
async def test_what_can_succeed_later_is_tried_again(kind: type[ConnectError]) -> None:
    attempts = Attempts(kind("not now"), kind("not now"))

    assert await connect_with_retry(attempts, attempts=3, delay=0) == "connected"
    assert attempts.made == 3


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("no"),
        DatabaseNotFoundError("no"),
        TLSError("no"),
        ConnectError("no"),
        wellhead.ConfigurationError("no"),
        ConnectionRefusedError("not through Wellhead"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_cannot_succeed_later_is_raised_at_once(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = Attempts(error)

    with pytest.raises(type(error)) as caught:
        await connect_with_retry(attempts, attempts=3, delay=0)

    assert caught.value is error
    assert attempts.made == 1
    assert caplog.records == []


async def test_a_failure_for_good_ends_the_attempts(caplog: pytest.LogCaptureFixture) -> None:
    attempts = Attempts(StartingError("not now"), AuthenticationError("no"))

    with pytest.raises(AuthenticationError):
        await connect_with_retry(attempts, attempts=9, delay=0)

    assert attempts.made == 2
    assert len(caplog.records) == 1


async def test_the_last_attempts_error_is_raised() -> None:
    attempts = Attempts(*(UnreachableError(f"attempt {number}") for number in range(1, 9)))

    with pytest.raises(UnreachableError, match="attempt 3"):
        await connect_with_retry(attempts, attempts=3, delay=0)

    assert attempts.made == 3


async def test_one_attempt_is_never_repeated_nor_announced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    attempts = Attempts(UnreachableError("down"))

    with pytest.raises(UnreachableError):
        await connect_with_retry(attempts, attempts=1, delay=60)

    assert attempts.made == 1
    assert caplog.records == []


async def test_each_wait_is_twice_the_one_before_with_jitter_and_an_end() -> None:
    attempts = Attempts(*(UnreachableError("down") for _ in range(7)))

    await connect_with_retry(attempts, attempts=8, delay=2, sleep=attempts.sleep)

    assert len(attempts.waits) == 7
    for wait, least in zip(
        attempts.waits, [2, 4, 8, 16, MAX_DELAY, MAX_DELAY, MAX_DELAY], strict=True
    ):
        assert least <= wait <= least + 1


async def test_the_longest_wait_is_kept_however_often_it_is_tried() -> None:
    attempts = Attempts(*(UnreachableError("down") for _ in range(2000)))

    await connect_with_retry(attempts, attempts=None, delay=2, sleep=attempts.sleep)

    assert MAX_DELAY <= attempts.waits[-1] <= MAX_DELAY + 1


async def test_each_wait_is_announced_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    attempts = Attempts(StartingError("Wait", hint="A little."), UnreachableError("down"))

    await connect_with_retry(attempts, attempts=3, delay=0)

    assert [record.getMessage() for record in caplog.records] == [
        "waiting for the database: attempt 1 of 3 failed, next in 0.0 s: Wait [server_starting]",
        "waiting for the database: attempt 2 of 3 failed, next in 0.0 s: down [connection_lost]",
    ]
    fields = [vars(record) for record in caplog.records]
    assert {each["levelno"] for each in fields} == {logging.WARNING}
    assert {each["event"] for each in fields} == {"database_waiting"}
    assert [(each["attempt"], each["attempts"], each["fault"]) for each in fields] == [
        (1, 3, "starting"),
        (2, 3, "unreachable"),
    ]
    assert [each["seconds"] for each in fields] == [0, 0]


async def test_who_stops_waiting_ends_the_attempts() -> None:
    attempts = Attempts(*(UnreachableError("down") for _ in range(9)))
    trying = asyncio.create_task(connect_with_retry(attempts, attempts=9, delay=3600))
    await attempts.began.wait()
    trying.cancel()

    with pytest.raises(asyncio.CancelledError):
        await trying
    assert attempts.made == 1


async def test_a_database_that_comes_up_meanwhile_is_opened(
    proxied_url: str, proxy: TCPProxy, caplog: pytest.LogCaptureFixture
) -> None:
    await proxy.refuse()
    settings = DatabaseSettings(url=proxied_url, connect_retry_count=3, connect_retry_delay=0.1)
    database = Database(settings)
    opening = asyncio.create_task(database.open())
    await until(lambda: caplog.records)
    await proxy.accept()
    await opening
    await database.close()

    assert "attempt 1 of 3 failed" in caplog.text
    assert "onnection refused" in caplog.text


async def test_a_deadline_ends_it_and_names_the_last_failure() -> None:
    attempts = Attempts(*(StartingError("not yet", hint="wait") for _ in range(1000)))

    with pytest.raises(UnreachableError) as caught:
        await connect_with_retry(attempts, attempts=None, delay=0.01, deadline=0.1)

    assert caught.value.args[0] == (
        "The database did not accept a connection within 0.1 s. not yet"
    )
    assert caught.value.hint == "wait"
    assert attempts.made > 1


async def test_an_attempt_that_hangs_ends_at_the_deadline() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    with pytest.raises(UnreachableError, match=r"within 0\.05 s\.$"):
        await connect_with_retry(hang, attempts=None, delay=0, deadline=0.05)


async def test_a_timeout_of_the_attempt_itself_is_not_taken_for_the_deadline() -> None:
    attempts = Attempts(TimeoutError("its own"))

    with pytest.raises(TimeoutError, match="its own"):
        await connect_with_retry(attempts, attempts=None, delay=0, deadline=60)


async def test_opening_waits_for_as_long_as_the_startup_timeout_says(
    proxied_url: str, proxy: TCPProxy, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"connect_retry_count": 1, "connect_retry_delay": 0.01}
    database = Database(DatabaseSettings(url=proxied_url, startup_timeout=60, **settings))
    await proxy.refuse()
    opening = asyncio.create_task(database.open())
    await until(lambda: any("waiting for the database" in line for line in caplog.messages))
    await proxy.accept()
    await opening

    assert database.is_open
    await database.close()


class PassingError(Exception):
    """A failure that passes."""


async def test_attempts_go_on_until_one_succeeds() -> None:
    failures = [PassingError("first"), PassingError("second")]
    announced: list[tuple[str, int]] = []

    async def attempt() -> str:
        if failures:
            raise failures.pop(0)
        return "done"

    def announce(error: BaseException, number: int, seconds: float) -> None:
        assert 0 <= seconds <= 0.1
        announced.append((str(error), number))

    ends_at = asyncio.get_running_loop().time() + 60
    answer = await retry_until(ends_at, attempt, can_retry=lambda _: True, announce=announce)

    assert answer == "done"
    assert announced == [("first", 1), ("second", 2)]


async def test_what_must_not_be_repeated_is_raised_at_once() -> None:
    attempts = 0

    async def attempt() -> None:
        nonlocal attempts
        attempts += 1
        raise PassingError

    ends_at = asyncio.get_running_loop().time() + 60
    with pytest.raises(PassingError):
        await retry_until(ends_at, attempt, can_retry=lambda _: False)

    assert attempts == 1


async def test_the_last_failure_is_raised_when_the_time_is_over() -> None:
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + 0.2
    begun: list[float] = []

    async def attempt() -> None:
        begun.append(loop.time())
        raise PassingError(str(len(begun)))

    with pytest.raises(PassingError) as caught:
        await retry_until(ends_at, attempt, can_retry=lambda _: True)

    assert str(caught.value) == str(len(begun))
    assert len(begun) > 1


async def test_the_first_attempt_is_made_even_when_the_time_is_over() -> None:
    async def attempt() -> str:
        return "done"

    assert await retry_until(0.0, attempt, can_retry=lambda _: True) == "done"
