"""Where a client reads: at a replica that has what it has seen, or else from the primary."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text

from tests.staging.fleet import Fleet
from tests.staging.notes import (
    READS,
    WRITES,
    Read,
    Write,
    by_engine,
    by_query,
    by_reader,
    by_session,
    by_text,
)
from tests.staging.patience import until
from wellhead import Database


def each(*functions: object) -> list[str]:
    return [getattr(function, "__name__", "") for function in functions]


async def warm_up(database: Database, fleet: Fleet) -> None:
    """Read and write in every way, so that every statement is prepared."""
    for write in WRITES:
        await write(database, "first")
        await database.mark()
    for read in READS:
        for _ in range(3):
            assert await read(database) == "first"
    await fleet.replication.catch_up()
    assert await by_reader(database) == "first"
    fleet.reset()


async def all_are_up(database: Database) -> None:
    """Open every replica; the first reader waits only for one of them."""
    with database.reading_after():
        await by_query(database)
    await until(lambda: all(each.is_up for each in database.replica_stats()))


@pytest.mark.parametrize("read", READS, ids=each(*READS))
async def test_a_read_goes_to_the_replica_and_costs_the_primary_nothing(
    fleet: Fleet, read: Read
) -> None:
    async with fleet.database() as database:
        assert await read(database) == "first"

        assert fleet.round_trips[0] == 0
        assert fleet.round_trips[1] > 0


@pytest.mark.parametrize("read", [by_reader, by_query], ids=each(by_reader, by_query))
async def test_a_read_at_the_replica_takes_one_round_trip(fleet: Fleet, read: Read) -> None:
    async with fleet.database() as database:
        await warm_up(database, fleet)

        await read(database)

        assert fleet.round_trips == [0, 1, 0]


@pytest.mark.parametrize("read", READS, ids=each(*READS))
@pytest.mark.parametrize("write", WRITES, ids=each(*WRITES))
async def test_a_client_reads_at_the_replica_what_it_wrote(
    fleet: Fleet, write: Write, read: Read
) -> None:
    async with fleet.database(replica_wait=10) as database:
        await warm_up(database, fleet)

        await write(database, "second")
        fleet.reset()

        assert await read(database) == "second"
        # The position of the primary, and nothing else.
        assert fleet.round_trips[0] == 1
        assert fleet.round_trips[1] > 0


@pytest.mark.parametrize("read", READS, ids=each(*READS))
@pytest.mark.parametrize("write", WRITES, ids=each(*WRITES))
async def test_a_client_reads_from_the_primary_what_the_replica_has_not_replayed(
    fleet: Fleet, write: Write, read: Read
) -> None:
    async with fleet.database(replica_wait=0) as database:
        await warm_up(database, fleet)
        await fleet.replication.standbys[0].pause_replay()

        await write(database, "second")

        assert await read(database) == "second"
        with database.reading_after():
            assert await read(database) == "first"


async def test_it_waits_for_the_replica_a_little(fleet: Fleet) -> None:
    [standby, _] = fleet.replication.standbys
    async with fleet.database(replica_wait=10) as database:
        await warm_up(database, fleet)
        await standby.pause_replay()
        await by_session(database, "second")
        fleet.reset()

        async with asyncio.TaskGroup() as group:
            reading = group.create_task(by_reader(database))
            await until(lambda: fleet.round_trips[1] >= 3)
            await standby.resume_replay()

        assert reading.result() == "second"
        assert fleet.round_trips[0] == 1


async def test_a_position_that_a_connection_has_shown_is_not_asked_again(fleet: Fleet) -> None:
    async with fleet.database(replica_wait=10) as database:
        await warm_up(database, fleet)
        await by_session(database, "second")
        await by_reader(database)
        fleet.reset()

        await by_reader(database)

        assert fleet.round_trips == [0, 1, 0]


HELD_COMMIT = """
    CREATE OR REPLACE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_advisory_xact_lock(18); RETURN NULL; END
    $$;
    CREATE CONSTRAINT TRIGGER held AFTER UPDATE ON notes
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold();
"""
"""Lets the COMMIT of an update wait for a lock."""


@pytest.mark.parametrize("write", WRITES, ids=each(*WRITES))
async def test_a_commit_during_which_the_position_was_asked_is_seen_later(
    fleet: Fleet, write: Write
) -> None:
    primary, standby = fleet.replication.primary, fleet.replication.standbys[0]
    holder = await asyncpg.connect(primary.url, ssl=False)
    try:
        await holder.execute(HELD_COMMIT)
        await holder.execute("SELECT pg_advisory_lock(18)")
        await fleet.replication.catch_up()
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        async with fleet.database(replica_wait=0) as database:
            async with asyncio.TaskGroup() as group:
                group.create_task(_written(write, database))
                await until(lambda: primary.ask(waiting))
                # So that the replica gets all that is written by now.
                await primary.ask("SELECT pg_logical_emit_message(true, '', '')")
                await fleet.replication.catch_up()
                # This asks the primary, since the client has used it, and reads at the replica.
                await until(lambda: _is_read_at_a_replica(database))
                await standby.pause_replay()
                await holder.execute("SELECT pg_advisory_unlock(18)")

            assert await by_reader(database) == "second"
    finally:
        # Otherwise the lock would stay as long as a report keeps this frame.
        await holder.close()


async def _is_read_at_a_replica(database: Database) -> bool:
    """Whether it was this time; the primary may have written something by itself just before."""
    before = database.run_stats().fallbacks
    assert await by_reader(database) == "first"
    return database.run_stats().fallbacks == before


async def _written(write: Write, database: Database) -> None:
    await write(database, "second")


async def test_what_was_read_from_the_primary_is_never_unseen(fleet: Fleet) -> None:
    async with fleet.database(replica_wait=0) as database:
        await warm_up(database, fleet)
        await fleet.replication.standbys[0].pause_replay()
        await fleet.replication.primary.ask("UPDATE notes SET text = 'second'")

        async with database.session() as session:
            assert await session.scalar(text("SELECT text FROM notes WHERE id = 1")) == "second"

        assert await by_reader(database) == "second"


async def test_what_was_read_at_one_replica_is_never_unseen_at_another(fleet: Fleet) -> None:
    one, other = fleet.replication.standbys
    async with fleet.database(replicas=2, replica_wait=0) as database:
        await all_are_up(database)
        await other.pause_replay()
        await fleet.replication.primary.ask("UPDATE notes SET text = 'second'")
        await one.wait_for(await fleet.replication.primary.written())

        shown = []
        for _ in range(4):
            with database.reading_after():
                shown.append([await by_reader(database) for _ in range(3)])

    assert ["first"] * 3 in shown
    assert ["second"] * 3 in shown
    assert all(len(set(each)) == 1 for each in shown)


async def test_a_mark_makes_another_process_read_no_less(fleet: Fleet) -> None:
    async with fleet.database(replica_wait=0) as one, fleet.database(replica_wait=0) as other:
        assert await by_reader(other) == "first"
        await fleet.replication.standbys[0].pause_replay()
        await by_session(one, "second")
        mark = await one.mark()

        with other.reading_after(mark):
            assert await by_reader(other) == "second"
        assert await by_reader(other) == "first"


async def test_nothing_is_sent_to_a_replica_while_nobody_reads(fleet: Fleet) -> None:
    async with fleet.database() as database:
        await by_session(database, "second")
        await by_engine(database, "third")
        assert (await database.check()).state == "connected"

        assert fleet.replicas[0].connections == 0


async def test_without_replicas_the_primary_is_never_asked(fleet: Fleet) -> None:
    async with Database(
        fleet.settings(replicas=1).model_copy(update={"replica_url": None})
    ) as database:
        await by_session(database, "second")
        await by_reader(database)
        fleet.reset()

        await by_session(database, "third")
        assert await by_reader(database) == "third"

        assert await database.mark() == ""
        assert fleet.round_trips[0] == 4
        assert database.replica_stats() == ()


async def test_the_replicas_share_the_clients(fleet: Fleet) -> None:
    async with fleet.database(replicas=2) as database:
        await all_are_up(database)
        before = [each.reads for each in database.replica_stats()]
        for _ in range(10):
            with database.reading_after():
                await by_query(database)

        reads = [each.reads for each in database.replica_stats()]

    assert sum(reads) - sum(before) == 10
    assert max(reads) - min(reads) <= 1


async def test_text_is_read_there_in_a_read_only_transaction(fleet: Fleet) -> None:
    async with fleet.database() as database:
        assert await by_text(database) == "first"

        assert fleet.round_trips[0] == 0
