"""What is known of a real database, and what it costs to know it.

Evidence is made to be stale at once, where a test says so.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import column, insert, table, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlmodel import select

from wellhead import (
    ConnectError,
    Database,
    DatabaseSettings,
    Fault,
    HealthReport,
    PoolSaturated,
    PostgresURL,
)
from wellhead.connecting import Connector, probe
from wellhead.health.health import MOST_LOSSES
from wellhead.testing.proxy import TCPProxy


async def waiting(report: Callable[[], Awaitable[HealthReport]]) -> "asyncio.Task[HealthReport]":
    """A task that has come as far as waiting for the answer."""
    task = asyncio.ensure_future(report())
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()
    return task


@asynccontextmanager
async def opened(url: str, **settings: object) -> AsyncIterator[Database]:
    async with Database(DatabaseSettings(url=url, connect_retry_count=1, **settings)) as database:
        yield database


@pytest.fixture
def _stale_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wellhead.health.health.FRESH_FOR", 0.0)
    monkeypatch.setattr("wellhead.health.health.FAILED_FOR", 0.0)


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


@pytest.mark.usefixtures("_stale_at_once")
async def test_a_database_that_may_sleep_gets_nothing_however_often_probes_ask(
    url: str, proxy: TCPProxy
) -> None:
    async with opened(url, may_sleep="yes", pool_min_idle=3) as database:
        proxy.reset()
        states = {(await database.check()).state for _ in range(100)}
        ready = {(await database.ready()).is_ready for _ in range(100)}
        # What the database ends when it falls asleep is not made again.
        await proxy.cut()
        await asyncio.sleep(0.2)
        states |= {(await database.check()).state for _ in range(100)}

        assert (states, ready) == ({"idle"}, {True})
        assert (proxy.connections, proxy.bytes_to_server, proxy.open_connections) == (0, 0, 0)


@pytest.mark.usefixtures("_stale_at_once")
@pytest.mark.parametrize("may_sleep", ["auto", "no"])
async def test_a_database_that_does_not_sleep_is_asked_by_each_probe(
    url: str, proxy: TCPProxy, may_sleep: str
) -> None:
    async with opened(url, may_sleep=may_sleep) as database:
        proxy.reset()
        for _ in range(3):
            await database.check()

        assert proxy.connections == 3


async def test_a_reader_that_is_answered_outweighs_an_earlier_failure(
    url: str, proxy: TCPProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wellhead.health.health.FAILED_FOR", 3600.0)
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
    async with opened(url, connect_timeout=3) as database:
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


@pytest.mark.usefixtures("_stale_at_once")
async def test_a_server_that_takes_no_changes_is_told_from_one_that_does(
    url: str, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    name = database_url.rpartition("/")[2]
    async with opened(url) as database:
        await connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        before = await database.check()
        await connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        after = await database.check()
    await connection.close()

    assert (before.state, before.fault) == ("read_only", Fault.READ_ONLY_SERVER)
    assert after.state == "connected"


async def test_a_change_that_was_refused_and_one_that_was_not_are_evidence(url: str) -> None:
    async with opened(url) as database:
        async with database.engine.begin() as connection:
            await connection.execute(text("CREATE TABLE note (id int)"))
        with pytest.raises(DBAPIError):
            await change(database, "SET TRANSACTION READ ONLY")
        refused = database.last_known()
        await change(database)

        assert (refused.state, refused.fault) == ("read_only", Fault.READ_ONLY_SERVER)
        assert database.last_known().state == "connected"


async def change(database: Database, *first: str) -> None:
    async with database.engine.begin() as connection:
        for statement in first:
            await connection.execute(text(statement))
        await connection.execute(insert(table("note", column("id"))).values(id=1))


async def test_a_standby_is_no_fault_where_the_url_asks_for_one(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    name = database_url.rpartition("/")[2]
    await connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await connection.close()
    async with opened(f"{database_url}?target_session_attrs=read-only") as database:
        ask = probe(Connector(database.settings), database.engine)

        assert await ask() is False


async def test_a_caller_that_got_no_connection_is_evidence(url: str) -> None:
    async with opened(url, pool_size=1, max_overflow=0, pool_max_waiting=0) as database:
        async with database.session() as session:
            await session.connection()
            full = database.last_known()
            with pytest.raises(PoolSaturated):
                await read(database)
        after = await database.check()

    assert full.state == after.state == "saturated"


async def test_a_database_that_is_not_open_is_unavailable(database_url: str) -> None:
    report = await Database(DatabaseSettings(url=database_url)).check()

    assert report == HealthReport(False, "unavailable", Fault.NOT_OPEN, "none", None)


@pytest.mark.usefixtures("_stale_at_once")
async def test_a_pool_whose_every_use_is_lost_is_not_ready_until_one_succeeds(
    url: str, proxy: TCPProxy
) -> None:
    async with opened(url) as database:
        broken = [proxy.break_at(b"SELECT 7", passes=False) for _ in range(MOST_LOSSES)]
        for _ in broken:
            with pytest.raises(DBAPIError):
                await lose(database)
        proxy.break_at(b"SELECT 1", passes=False)
        before = await database.ready()
        after = await database.ready()

    assert [each.is_set() for each in broken] == [True] * MOST_LOSSES
    assert (before.is_ready, before.health.fault) == (False, Fault.CONNECTION_LOST)
    assert after.is_ready


@pytest.mark.usefixtures("_stale_at_once")
async def test_what_the_server_refuses_never_makes_the_pool_doubted(
    url: str, proxy: TCPProxy
) -> None:
    async with opened(url) as database:
        for _ in range(MOST_LOSSES):
            proxy.break_at(b"SELECT 7", passes=False)
            with pytest.raises(DBAPIError):
                await lose(database)
            with pytest.raises(ProgrammingError):
                await refused(database)
        proxy.break_at(b"SELECT 1", passes=False)

        assert (await database.ready()).is_ready


async def lose(database: Database) -> None:
    async with database.engine.connect() as connection:
        await connection.exec_driver_sql("SELECT 7")


async def refused(database: Database) -> None:
    async with database.engine.connect() as connection:
        await connection.exec_driver_sql("SELECT * FROM nowhere")
