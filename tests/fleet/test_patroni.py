"""The replicas of a real Patroni, which says itself which they are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from bench.fleet.fleet import Fleet
from bench.fleet.member import Member
from tests.staging.patience import until
from wellhead import Database, DatabaseSettings
from wellhead.replicas import availability, members


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait for long until Patroni, or a replica, is asked again."""
    monkeypatch.setattr(members, "ASK_AFTER", 0.2)
    monkeypatch.setattr(availability, "FIRST_BREAK", 0.2)
    monkeypatch.setattr(availability, "LONGEST_BREAK", 0.2)


@asynccontextmanager
async def following(fleet: Fleet) -> AsyncIterator[Database]:
    """A database that asks every member's Patroni for the replicas."""
    asked = [f"http://{member.host}:{member.rest_port}" for member in fleet.members]
    settings = DatabaseSettings(
        url=fleet.hosts_url, patroni_url=",".join(asked), replica_max_lag=60
    )
    async with Database(settings) as database:
        yield database


async def read(database: Database) -> bool:
    """Read as a client that has seen nothing; whether that was at a standby."""
    with database.reading_after():
        async with database.reader() as reader:
            return bool(await reader.scalar(text("SELECT pg_is_in_recovery()")))


async def reads_at(database: Database, *replicas: Member) -> bool:
    """Whether these members, and no others, are its replicas, and get reads."""
    await read(database)
    up = {each.name for each in database.replica_stats() if each.is_up}
    known = {each.name for each in database.replica_stats()}
    return up == known == {member.address for member in replicas}


async def test_a_switchover_swaps_the_primary_and_a_replica(fleet: Fleet) -> None:
    async with following(fleet) as database:
        primary = await fleet.primary()
        await until(lambda: reads_at(database, *others(fleet, primary)))
        assert await read(database)

        await fleet.switch_over()
        successor = await fleet.primary()

        assert successor is not primary
        await until(lambda: reads_at(database, *others(fleet, successor)))
        assert await read(database)


async def test_a_member_that_dies_is_gone_and_joins_again(fleet: Fleet) -> None:
    async with following(fleet) as database:
        primary = await fleet.primary()
        lost, left = others(fleet, primary)
        await until(lambda: reads_at(database, lost, left))

        await lost.kill()
        # Its own Patroni does not respond any more, and the others' do.
        await until(lambda: reads_at(database, left))
        assert await read(database)

        lost.start()
        await fleet.settle()
        await until(lambda: reads_at(database, lost, left))


def others(fleet: Fleet, primary: Member) -> list[Member]:
    return [member for member in fleet.members if member is not primary]
