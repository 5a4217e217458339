"""How far a server has got, as it says itself to any role."""

import asyncio
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psycopg
import pytest

from tests.staging.fleet import Fleet
from tests.staging.streaming import StreamingServer
from wellhead.replicas.position import LogPosition


async def connection_to(fleet: Fleet, server: StreamingServer, url: str | None = None) -> Any:
    url = url or server.url
    if "psycopg" in fleet.driver:
        return await psycopg.AsyncConnection.connect(url)
    return await asyncpg.connect(url, ssl=False)


async def position_of(fleet: Fleet, server: StreamingServer, url: str | None = None) -> LogPosition:
    connection = await connection_to(fleet, server, url)
    try:
        return await LogPosition.of(connection, timeout=60)
    finally:
        await connection.close()


async def test_a_standby_says_what_it_has_replayed(fleet: Fleet) -> None:
    primary, standby = fleet.replication.primary, fleet.replication.standbys[0]
    await primary.ask("UPDATE notes SET text = 'second'")
    written = await position_of(fleet, primary)
    await fleet.replication.catch_up()

    replayed = await position_of(fleet, standby)

    assert (written.is_standby, replayed.is_standby) == (False, True)
    assert replayed.lsn >= written.lsn - 64
    assert (written.lag, replayed.lag) == (0, 0)


async def test_a_primary_is_never_behind_what_was_committed_without_waiting(fleet: Fleet) -> None:
    # So that the position may be asked right after a COMMIT that nobody has flushed yet.
    primary = fleet.replication.primary
    for _ in range(20):
        connection = await asyncpg.connect(primary.url, ssl=False)
        await connection.execute("SET synchronous_commit = off")
        await connection.execute("UPDATE notes SET text = 'second'")
        at = await connection.fetchval("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
        assert (await position_of(fleet, primary)).lsn >= at
        await connection.close()


async def test_a_standby_that_was_stopped_says_how_old_its_state_is_at_most(fleet: Fleet) -> None:
    standby = fleet.replication.standbys[0]
    await standby.pause_replay()
    await fleet.replication.primary.ask("UPDATE notes SET text = 'second'")
    await asyncio.sleep(0.05)

    first = await position_of(fleet, standby)
    second = await position_of(fleet, standby)

    assert first.lag is not None
    assert second.lag is not None
    assert 0.05 <= first.lag < second.lag


async def test_a_server_is_itself_for_every_connection_and_another_after_a_restart(
    fleet: Fleet,
) -> None:
    one, other = fleet.replication.standbys
    before = [(await position_of(fleet, each)).server for each in (one, one, other)]
    await one.stop()
    await one.start()
    after = (await position_of(fleet, one)).server

    assert before[0] == before[1]
    assert len({*before, after}) == 3


async def test_any_role_may_ask(fleet: Fleet) -> None:
    primary, standby = fleet.replication.primary, fleet.replication.standbys[0]
    await primary.ask("DROP ROLE IF EXISTS guest")
    await primary.ask("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    await fleet.replication.catch_up()
    parts = urlsplit(standby.url)
    url = urlunsplit(parts._replace(netloc=f"guest:guest@127.0.0.1:{standby.port}"))

    position = await position_of(fleet, standby, url)

    assert position.is_standby
    # The role is told that a walreceiver runs, and nothing else about it.
    assert position.lag == 0


async def test_a_question_leaves_no_transaction(fleet: Fleet) -> None:
    connection = await connection_to(fleet, fleet.replication.standbys[0])

    await LogPosition.of(connection, timeout=60)

    if "psycopg" in fleet.driver:
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert not connection.autocommit
    else:
        assert not connection.is_in_transaction()
    await connection.close()


async def test_a_silent_server_is_not_waited_for(fleet: Fleet) -> None:
    standby, proxy = fleet.replication.standbys[0], fleet.replicas[0]
    url = fleet.url(proxy, standby).replace("+psycopg", "")
    connection = await connection_to(fleet, standby, url)
    proxy.swallow()

    with pytest.raises((TimeoutError, psycopg.OperationalError)):
        await LogPosition.of(connection, timeout=0.1)
    proxy.deliver()
