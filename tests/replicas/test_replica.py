"""A replica that cannot serve: readers get the primary, and it comes back at a later read."""

import asyncio
import logging

import pytest
from sqlalchemy import text

from tests.staging.fleet import Fleet
from tests.staging.notes import READS, Read, by_query, by_reader, by_session
from tests.staging.patience import until
from wellhead import Database
from wellhead.connecting import Connector
from wellhead.replicas import availability as module

NAMES = [read.__name__ for read in READS]


@pytest.fixture(autouse=True)
def short_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait for long until a replica is tried again."""
    monkeypatch.setattr(module, "FIRST_BREAK", 0.05)
    monkeypatch.setattr(module, "LONGEST_BREAK", 0.05)


async def at_replica(database: Database, read: Read = by_reader) -> bool:
    """Whether a client that has seen nothing reads at the replica."""
    [before] = database.replica_stats()
    with database.reading_after():
        assert await read(database) is not None
    [after] = database.replica_stats()
    return after.reads > before.reads


async def comes_back(database: Database) -> None:
    await until(lambda: at_replica(database))


@pytest.mark.parametrize("read", READS, ids=NAMES)
async def test_readers_get_the_primary_while_it_is_down(fleet: Fleet, read: Read) -> None:
    async with fleet.database() as database:
        assert await at_replica(database, read)
        await fleet.replicas[0].refuse()
        await fleet.replicas[0].cut()

        for _ in range(3):
            assert await read(database) == "first"
        [stats] = database.replica_stats()
        assert (stats.is_up, stats.reason) == (False, "unavailable")

        await fleet.replicas[0].accept()
        await comes_back(database)


@pytest.mark.parametrize("read", READS, ids=NAMES)
async def test_no_reader_waits_for_a_second_attempt_to_connect(
    fleet: Fleet, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[str] = []
    connect = Connector.connect

    async def counted(self: Connector, *args: object, **arguments: object) -> object:
        attempts.append(str(self.settings.url))
        return await connect(self, *args, **arguments)

    monkeypatch.setattr(Connector, "connect", counted)
    async with fleet.database(pool_idle_timeout=1) as database:
        assert await at_replica(database, read)
        await until(lambda: database.replica_stats()[0].connections == 0)
        await fleet.replicas[0].refuse()
        attempts.clear()

        assert await read(database) == "first"

    assert sum(f":{fleet.replicas[0].port}/" in url for url in attempts) == 1


@pytest.mark.parametrize("read", READS, ids=NAMES)
async def test_one_that_is_down_from_the_start_hinders_nobody(fleet: Fleet, read: Read) -> None:
    await fleet.replicas[0].refuse()
    async with fleet.database() as database:
        assert await read(database) == "first"
        assert not await at_replica(database, read)

        await fleet.replicas[0].accept()
        await comes_back(database)


async def test_one_that_is_down_is_tried_by_no_reader(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_BREAK", 3600.0)
    monkeypatch.setattr(module, "LONGEST_BREAK", 3600.0)
    await fleet.replicas[0].refuse()
    async with fleet.database() as database:
        await by_reader(database)
        await fleet.replicas[0].accept()

        for _ in range(5):
            await by_reader(database)

        assert fleet.replicas[0].connections == 0


@pytest.mark.parametrize("read", READS, ids=NAMES)
async def test_a_read_in_flight_is_sent_to_the_primary(fleet: Fleet, read: Read) -> None:
    async with fleet.database() as database:
        assert await at_replica(database, read)
        fleet.reset()
        fleet.replicas[0].stall()

        async with asyncio.TaskGroup() as group:
            reading = group.create_task(read(database))
            await until(lambda: fleet.replicas[0].bytes_to_server)
            await fleet.replicas[0].reset_connections()

        assert reading.result() == "first"
        assert fleet.round_trips[0] > 0
        fleet.replicas[0].resume()


async def test_one_that_does_not_say_how_far_it_is_is_left_out(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wellhead.replicas.admission.PATIENCE", 0.2)
    async with fleet.database() as database:
        assert await at_replica(database)
        await by_session(database, "second")
        fleet.replicas[0].swallow()

        assert await by_reader(database) == "second"

        [stats] = database.replica_stats()
        assert (stats.is_up, stats.reason) == (False, "unavailable")
        fleet.replicas[0].deliver()


async def test_one_that_lags_is_left_out_until_it_has_caught_up(fleet: Fleet) -> None:
    [standby, _] = fleet.replication.standbys
    async with fleet.database(replica_max_lag=0.2, replica_wait=0) as database:
        assert await at_replica(database)
        await standby.pause_replay()
        await fleet.replication.primary.ask("UPDATE notes SET text = 'second'")

        await until(lambda: not database.replica_stats()[0].is_up or _read(database))
        [stats] = database.replica_stats()
        assert (stats.is_up, stats.reason) == (False, "lagging")
        with database.reading_after():
            assert await by_reader(database) == "second"

        await standby.resume_replay()
        await comes_back(database)
        with database.reading_after():
            assert await by_reader(database) == "second"


async def _read(database: Database) -> bool:
    with database.reading_after():
        await by_reader(database)
    return not database.replica_stats()[0].is_up


async def test_one_that_follows_a_standby_that_has_stopped_is_left_out(fleet: Fleet) -> None:
    # It has replayed all that it received, and cannot know that there is more.
    upstream, _ = fleet.replication.standbys
    async with fleet.replication.cascaded(upstream) as cascaded:
        url = fleet.url(fleet.replicas[0], upstream).replace(
            f":{fleet.replicas[0].port}/", f":{cascaded.port}/"
        )
        settings = fleet.settings(replica_max_lag=0.3, replica_wait=0)
        async with Database(settings.model_copy(update={"replica_url": url})) as database:
            await comes_back(database)
            await upstream.ask("ALTER SYSTEM SET primary_conninfo = ''")
            await upstream.ask("SELECT pg_reload_conf()")
            await until(lambda: upstream.ask("SELECT count(*) = 0 FROM pg_stat_wal_receiver"))
            await by_session(database, "second")
            await database.mark()

            await until(lambda: _reads(database, "second"))

            assert database.replica_stats()[0].reason == "lagging"
        await upstream.follow(fleet.replication.primary)
        await upstream.ask("SELECT pg_reload_conf()")


async def _reads(database: Database, said: str) -> bool:
    with database.reading_after():
        return await by_reader(database) == said


async def test_what_it_has_not_replayed_yet_is_read_from_the_primary(fleet: Fleet) -> None:
    # Such as a column that a migration has just added.
    async with fleet.database() as database:
        assert await at_replica(database)
        await fleet.replication.standbys[0].pause_replay()
        await fleet.replication.primary.ask("ALTER TABLE notes ADD added int DEFAULT 7")

        with database.reading_after():
            async with database.reader() as reader:
                assert await reader.scalar(text("SELECT added FROM notes")) == 7

        assert await at_replica(database)


async def test_a_full_one_lets_readers_through_to_the_primary(fleet: Fleet) -> None:
    async with fleet.database(pool_size=1, max_overflow=0, pool_max_waiting=0) as database:
        assert await at_replica(database)
        with database.reading_after():
            async with database.reader() as reader:
                await reader.scalar(text("SELECT 1"))

                assert not await at_replica(database)


async def test_a_primary_is_no_replica(fleet: Fleet) -> None:
    settings = fleet.settings(replica_wait=0)
    primary = fleet.url(fleet.replicas[0], fleet.replication.primary).replace(
        f":{fleet.replicas[0].port}/", f":{fleet.primary.port}/"
    )
    async with Database(settings.model_copy(update={"replica_url": primary})) as database:
        assert not await at_replica(database)

        assert database.replica_stats()[0].reason == "not_standby"


async def test_the_log_says_when_it_is_left_out_and_when_it_is_back(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with fleet.database() as database:
        assert await at_replica(database, by_query)
        await fleet.replicas[0].refuse()
        await fleet.replicas[0].cut()
        await by_query(database)
        await fleet.replicas[0].accept()
        await comes_back(database)

    events = [vars(record).get("event") for record in caplog.records]
    assert events.count("replica_left_out") == 1
    assert events.count("replica_back") == 1
    assert "secret" not in caplog.text
    assert fleet.replication.primary.postgres.url.split("@")[0].split(":")[2] not in caplog.text


async def test_messages_of_its_pool_name_its_server(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    await fleet.replicas[0].refuse()
    async with fleet.database(application_name="shop") as database:
        await by_query(database)
        await until(lambda: database.replica_stats()[0].left_out)

    [away] = [each for each in caplog.records if vars(each).get("event") == "pool_outage"]
    assert f"'shop at 127.0.0.1:{fleet.replicas[0].port}'" in away.getMessage()
