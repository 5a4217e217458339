"""The staged replication does what it says: the tests of replicas rest on it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from tests.staging.patience import until
from tests.staging.streaming import Replication, Standby, StreamingServer

COUNT = "SELECT count(*) FROM drops"


@pytest.fixture
async def pond(replication: Replication) -> Replication:
    """The replication, with an empty table that every standby has."""
    await replication.primary.ask("DROP TABLE IF EXISTS drops")
    await replication.primary.ask("CREATE TABLE drops ()")
    await replication.catch_up()
    return replication


async def add(primary: StreamingServer) -> str:
    """Commit one row; returns the LSN that a server must have replayed to see it."""
    await primary.ask("INSERT INTO drops DEFAULT VALUES")
    return await primary.written()


async def test_each_standby_replays_what_the_primary_wrote(pond: Replication) -> None:
    assert len(pond.standbys) == 2
    lsn = await add(pond.primary)

    for standby in pond.standbys:
        await standby.wait_for(lsn)
        assert await standby.ask(COUNT) == 1


async def test_a_standby_takes_no_writes(pond: Replication) -> None:
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await add(pond.standbys[0])


async def test_a_paused_standby_stays_behind_until_it_is_resumed(pond: Replication) -> None:
    paused, other = pond.standbys
    await paused.pause_replay()
    lsn = await add(pond.primary)
    await other.wait_for(lsn)
    assert await paused.ask(COUNT) == 0
    assert not await paused.has_replayed(lsn)

    await paused.resume_replay()
    await paused.wait_for(lsn)
    assert await paused.ask(COUNT) == 1


async def test_a_paused_standby_receives_what_it_does_not_replay(pond: Replication) -> None:
    paused = pond.standbys[0]
    await paused.pause_replay()
    lsn = await add(pond.primary)
    received = "SELECT pg_last_wal_receive_lsn() >= $1::text::pg_lsn"

    await until(lambda: paused.ask(received, lsn))
    assert not await paused.has_replayed(lsn)


async def test_a_cascaded_standby_stays_behind_with_the_one_it_follows(pond: Replication) -> None:
    upstream = pond.standbys[0]
    async with pond.cascaded(upstream) as cascaded:
        await cascaded.wait_for(await add(pond.primary))
        assert await upstream.ask("SELECT count(*) FROM pg_stat_replication") == 1

        await upstream.stop()
        lsn = await add(pond.primary)
        assert not await cascaded.has_replayed(lsn)

        await upstream.start()
        await cascaded.wait_for(lsn)
        assert await cascaded.ask(COUNT) == 2


@pytest.mark.parametrize("end", [Standby.kill, Standby.stop], ids=["killed", "stopped"])
async def test_a_standby_that_was_down_finds_what_it_missed(
    pond: Replication, end: Callable[[Standby], Awaitable[None]]
) -> None:
    standby = pond.standbys[0]
    await end(standby)
    # The children of a killed server keep its port for a moment, and accept nothing there.
    with pytest.raises((ConnectionError, asyncpg.PostgresConnectionError)):
        await standby.ask(COUNT)
    lsn = await add(pond.primary)

    await standby.start()
    await standby.wait_for(lsn)
    assert await standby.ask(COUNT) == 1


async def test_a_killed_primary_has_kept_what_it_acknowledged(pond: Replication) -> None:
    lsn = await add(pond.primary)
    await pond.primary.kill()
    await pond.primary.start()

    assert await pond.primary.ask(COUNT) == 1
    await pond.standbys[0].wait_for(lsn)


async def test_restoring_brings_all_servers_back(pond: Replication) -> None:
    paused, killed = pond.standbys
    await paused.pause_replay()
    await add(pond.primary)
    await killed.kill()
    await pond.primary.stop()

    await pond.restore()
    for standby in pond.standbys:
        assert await standby.ask(COUNT) == 1


async def test_a_promoted_standby_takes_writes_and_leads_the_other(public_directory: Path) -> None:
    with Replication(public_directory / "promoted") as replication:
        promoted, other = replication.standbys
        await replication.primary.ask("CREATE TABLE drops ()")
        await replication.catch_up()
        await replication.primary.kill()

        await promoted.promote()
        await other.follow(promoted)
        await other.wait_for(await add(promoted))
        assert await other.ask(COUNT) == 1
