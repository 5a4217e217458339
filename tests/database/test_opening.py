"""Starting without the database, and becoming whole by itself."""

import asyncio
import logging

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import select

from tests.staging.patience import until
from wellhead import (
    AuthenticationError,
    ConfigurationError,
    Database,
    DatabaseSettings,
    Fault,
    NotOpenError,
    SchemaState,
    StartingError,
    UnreachableError,
)
from wellhead.database.opening import LONGEST_PAUSE, Opening
from wellhead.retry import MAX_DELAY
from wellhead.testing.proxy import TCPProxy


class Attempts:
    """Fails with each of these in turn, then succeeds when it is let."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.made = 0
        self.may_succeed = asyncio.Event()

    async def __call__(self) -> None:
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        await self.may_succeed.wait()


def degraded(url: str, **changes: object) -> Database:
    settings = {"start_degraded": True, "connect_retry_delay": 0.01, "connect_timeout": 1}
    return Database(DatabaseSettings(url=url, **{**settings, **changes}))


async def read(database: Database) -> int:
    async with database.reader() as reader:
        return (await reader.exec(select(1))).one()


def events_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The events that were logged, in their order."""
    events = [vars(record).get("event") for record in caplog.records]
    return [str(event) for event in events if event is not None]


class Shutdown:
    """Migrations on a server that goes away while they are read for the first time."""

    command = "migrate"

    def __init__(self) -> None:
        self.read = 0

    async def read_state(self, connection: AsyncConnection) -> SchemaState:
        del connection
        self.read += 1
        if self.read == 1:
            raise StartingError("The server is shutting down.")
        return SchemaState("at_head", ("0001",), "0001")


class Cut(Shutdown):
    """Migrations whose first connection is cut once they are read."""

    async def read_state(self, connection: AsyncConnection) -> SchemaState:
        self.read += 1
        if self.read == 1:
            await connection.execute(text("SELECT 1"))
            raw = await connection.get_raw_connection()
            assert raw.driver_connection is not None
            await raw.driver_connection.close()
        return SchemaState("at_head", ("0001",), "0001")


async def nothing() -> None:
    """What there is to be given up."""


async def test_a_first_attempt_that_succeeds_is_an_ordinary_opening(
    proxied_url: str, proxy: TCPProxy, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="wellhead"):
        async with degraded(proxied_url) as database:
            assert database.is_open
            assert database.is_started
            assert await read(database) == 1

    assert events_of(caplog) == ["database_opened", "database_closed"]
    assert proxy.connections == 1


async def test_it_starts_without_the_database_and_becomes_whole_by_itself(
    proxied_url: str, proxy: TCPProxy, caplog: pytest.LogCaptureFixture
) -> None:
    await proxy.refuse()
    async with degraded(proxied_url) as database:
        report = await database.check()
        with pytest.raises(NotOpenError, match=r"could not be opened yet: unreachable\."):
            await read(database)
        was_started = database.is_started
        await until(lambda: "database_waiting" in events_of(caplog))
        await proxy.accept()
        await until(lambda: database.is_open)

        assert (report.state, report.fault) == ("starting", Fault.UNREACHABLE)
        assert not was_started
        assert database.is_started
        assert await read(database) == 1
    assert events_of(caplog)[:3] == ["pool_outage", "database_degraded", "database_waiting"]
    assert "continue in the background: Could not connect to 127.0.0.1" in caplog.messages[1]


async def test_a_wrong_password_is_named_and_tried_again(proxied_url: str) -> None:
    database = degraded(proxied_url.replace("wellhead:", "stranger:", 1))
    async with database:
        report = await database.check()
        ready = await database.ready()

    assert (report.state, report.fault) == ("starting", Fault.AUTHENTICATION)
    assert (ready.is_ready, ready.reason) == (False, "starting")


async def test_a_mistake_in_the_configuration_ends_it_all_the_same(tmp_path: object) -> None:
    url = f"postgresql://u:p@localhost/db?sslmode=verify-full&sslrootcert={tmp_path}/none.crt"

    with pytest.raises(ConfigurationError):
        await degraded(url).open()


@pytest.mark.parametrize("migrations", [Shutdown(), Cut()], ids=["shutdown", "cut"])
@pytest.mark.parametrize("start_degraded", [False, True])
async def test_a_server_that_goes_away_while_the_schema_is_read_is_tried_again(
    proxied_url: str, start_degraded: bool, migrations: Shutdown
) -> None:
    migrations.read = 0
    settings = DatabaseSettings(
        url=proxied_url, start_degraded=start_degraded, connect_retry_delay=0.01
    )
    async with Database(settings, migrations=migrations) as database:
        await until(lambda: database.is_open)

        assert database.is_started
    assert migrations.read == 2


async def test_opening_twice_tries_once(proxied_url: str, proxy: TCPProxy) -> None:
    await proxy.refuse()
    database = degraded(proxied_url, connect_retry_delay=60)
    await asyncio.gather(database.open(), database.open())
    await database.close()
    await proxy.accept()

    assert proxy.connections == 0
    assert not database.is_open


async def test_closing_ends_the_attempts(
    proxied_url: str, proxy: TCPProxy, caplog: pytest.LogCaptureFixture
) -> None:
    await proxy.refuse()
    database = degraded(proxied_url)
    await database.open()
    await database.close()
    attempts = len(caplog.records)
    await proxy.accept()
    await asyncio.sleep(0.1)

    assert len(caplog.records) == attempts
    assert (await database.check()).fault is Fault.NOT_OPEN


async def test_who_stops_waiting_for_the_opening_stops_it(
    proxied_url: str, proxy: TCPProxy
) -> None:
    proxy.stall()
    database = degraded(proxied_url)
    opening = asyncio.create_task(database.open())
    await until(lambda: proxy.connections)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening

    assert (await database.check()).fault is Fault.NOT_OPEN
    proxy.resume()
    await database.open()
    await database.close()


async def test_a_silent_database_holds_the_start_no_longer_than_the_startup_timeout(
    proxied_url: str, proxy: TCPProxy
) -> None:
    proxy.stall()
    database = degraded(proxied_url, startup_timeout=0.1, connect_timeout=20)
    await database.open()

    assert (await database.check()).state == "starting"
    proxy.resume()
    await until(lambda: database.is_open)
    await database.close()


async def test_a_program_that_errs_in_the_background_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    attempts = Attempts(StartingError("not yet"), ZeroDivisionError("a mistake"))
    opening = Opening(attempts, give_up=nothing, delay=0)

    await opening.first_attempt()
    await until(lambda: len(caplog.records) == 2)
    await opening.stop()

    assert opening.fault is Fault.UNKNOWN
    assert "next in 30.0 s: ZeroDivisionError" in caplog.messages[-1]


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (StartingError("not yet"), LONGEST_PAUSE),
        (AuthenticationError("no"), MAX_DELAY),
        (DBAPIError("SELECT 1", None, OSError()), MAX_DELAY),
    ],
)
async def test_what_needs_somebody_is_tried_seldom(
    caplog: pytest.LogCaptureFixture, error: Exception, pause: float
) -> None:
    attempts = Attempts(UnreachableError("away"), error)
    opening = Opening(attempts, give_up=nothing, delay=1e-9 if pause == MAX_DELAY else 0.001)
    await opening.first_attempt()
    await until(lambda: len(caplog.records) == 2)
    await opening.stop()

    assert vars(caplog.records[-1])["seconds"] <= pause
    assert (vars(caplog.records[-1])["seconds"] == MAX_DELAY) == (pause == MAX_DELAY)
