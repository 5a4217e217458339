"""The primary is dead: who has seen no more than a replica has goes on reading there."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.staging.fleet import Fleet
from tests.staging.notes import READS, Read, by_query, by_reader, by_session
from tests.staging.patience import until
from wellhead import ConnectError, Database, PoolTimeout
from wellhead.replicas import availability as module

NAMES = [read.__name__ for read in READS]
SHORT: Mapping[str, Any] = {
    "connect_timeout": 1,
    "pool_timeout": 1.5,
    "replica_max_lag": 0.2,
    "replica_wait": 0,
}


@pytest.fixture(autouse=True)
def short_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait for long until a replica is tried again."""
    monkeypatch.setattr(module, "FIRST_BREAK", 0.05)
    monkeypatch.setattr(module, "LONGEST_BREAK", 0.05)


async def die(fleet: Fleet) -> None:
    """Let the primary die, and wait until its replica's state is older than it may be."""
    await fleet.replication.primary.kill()
    await fleet.primary.refuse()
    await fleet.primary.cut()
    [standby, _] = fleet.replication.standbys
    await until(lambda: standby.ask("SELECT count(*) = 0 FROM pg_stat_wal_receiver"))
    age = "clock_timestamp() - pg_last_xact_replay_timestamp() > interval '0.5 s'"
    await until(lambda: standby.ask(f"SELECT {age}"))
    # It was current until a moment ago, which the database may know from a read.
    await asyncio.sleep(1.5 * SHORT["replica_max_lag"])


async def come_back(fleet: Fleet) -> None:
    await fleet.replication.restore()
    await fleet.primary.accept()


@pytest.mark.parametrize("read", READS, ids=NAMES)
async def test_a_client_reads_what_it_wrote_at_a_replica_that_has_it(
    fleet: Fleet, read: Read
) -> None:
    async with fleet.database(**SHORT) as database:
        with database.reading_after():
            assert await by_reader(database) == "first"
        await by_session(database, "second")
        mark = await database.mark()
        await fleet.replication.catch_up()
        await die(fleet)

        for _ in range(3):
            with database.reading_after(mark):
                assert await read(database) == "second"


async def test_a_client_that_has_seen_more_than_the_replica_reads_nothing_older(
    fleet: Fleet,
) -> None:
    [standby, _] = fleet.replication.standbys
    async with fleet.database(**SHORT) as database:
        with database.reading_after():
            assert await by_reader(database) == "first"
        await standby.pause_replay()
        await by_session(database, "second")
        mark = await database.mark()
        await die(fleet)

        with database.reading_after():
            assert await by_reader(database) == "first"
        with database.reading_after(mark), pytest.raises((ConnectError, PoolTimeout)):
            await by_reader(database)


async def test_it_is_not_read_once_it_is_older_than_even_then_it_may_be(fleet: Fleet) -> None:
    async with fleet.database(**SHORT, replica_outage_lag=0) as database:
        with database.reading_after():
            assert await by_reader(database) == "first"
        await die(fleet)

        with database.reading_after(), pytest.raises((ConnectError, PoolTimeout)):
            await by_reader(database)
        assert database.replica_stats()[0].reason == "lagging"


async def test_a_read_that_found_no_primary_does_not_keep_its_client_from_replicas(
    fleet: Fleet,
) -> None:
    await fleet.replicas[0].refuse()
    async with fleet.database(**SHORT) as database:
        await die(fleet)
        with database.reading_after():
            with pytest.raises((ConnectError, PoolTimeout)):
                await by_query(database)
            await fleet.replicas[0].accept()

            await until(lambda: _reads(database, "first"))


async def test_once_the_primary_is_back_its_lag_counts_again(fleet: Fleet) -> None:
    [standby, _] = fleet.replication.standbys
    async with fleet.database(**SHORT) as database:
        with database.reading_after():
            assert await by_reader(database) == "first"
        await die(fleet)
        with database.reading_after():
            assert await by_reader(database) == "first"
        await come_back(fleet)
        await standby.pause_replay()
        await fleet.replication.primary.ask("UPDATE notes SET text = 'second'")

        # Nobody writes here: that it is back is noticed by reading at the replica.
        await until(lambda: _reads_at_first(database, "second"))


async def test_the_process_stays_ready_while_a_replica_serves_reads(fleet: Fleet) -> None:
    async with fleet.database(**SHORT) as database:
        await _reads_at_first(database, "first")
        await die(fleet)
        await until(lambda: _is_unavailable(database))

        answer = await database.ready()
        assert (answer.is_ready, answer.health.state) == (True, "unavailable")

        await fleet.replicas[0].refuse()
        await fleet.replicas[0].cut()
        await _reads_at_first(database, "first")
        assert not (await database.ready()).is_ready

        # No reader gets here any more: the probe lets it be tried.
        await fleet.replicas[0].accept()
        await until(lambda: _is_ready(database))


async def _is_unavailable(database: Database) -> bool:
    await _reads_at_first(database, "first")
    return (await database.check()).state == "unavailable"


async def _is_ready(database: Database) -> bool:
    return (await database.ready()).is_ready


async def _reads(database: Database, said: str) -> bool:
    try:
        return await by_query(database) == said
    except (ConnectError, PoolTimeout):
        return False


async def _reads_at_first(database: Database, said: str) -> bool:
    with database.reading_after():
        return await _reads(database, said)
