"""Lists of hosts: replicas are found among them, and a standby that becomes the primary is none."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.staging.fleet import Fleet, fleet_of
from tests.staging.notes import WRITES, by_reader, by_session
from tests.staging.patience import until
from tests.staging.streaming import Replication
from wellhead import Database, DatabaseSettings, WellheadError
from wellhead.replicas import availability as module


def listed(fleet: Fleet, attributes: str) -> str:
    """The URL of the primary and its first standby, for servers with these attributes."""
    url = fleet.url(fleet.primary, fleet.replication.primary)
    both = f":{fleet.primary.port},127.0.0.1:{fleet.replicas[0].port}/"
    return f"{url.replace(f':{fleet.primary.port}/', both)}?target_session_attrs={attributes}"


def settings_of(fleet: Fleet) -> DatabaseSettings:
    return DatabaseSettings(
        url=listed(fleet, "read-write"),
        replica_url=listed(fleet, "prefer-standby"),
        connect_timeout=5,
    )


async def test_a_standby_is_found_among_several_hosts(fleet: Fleet) -> None:
    async with Database(settings_of(fleet)) as database:
        assert await by_reader(database) == "first"
        fleet.reset()
        assert await by_reader(database) == "first"

        assert fleet.round_trips == [0, 1, 0]


async def test_without_a_standby_the_list_leads_to_the_primary_which_is_read_as_such(
    fleet: Fleet,
) -> None:
    await fleet.replicas[0].refuse()
    async with Database(settings_of(fleet)) as database:
        assert await by_reader(database) == "first"

        [stats] = database.replica_stats()
        assert (stats.is_up, stats.reason, stats.reads) == (False, "not_standby", 0)


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
async def promoted(
    request: pytest.FixtureRequest, public_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Fleet]:
    """A fleet of its own, whose standby may be promoted; breaks are short."""
    monkeypatch.setattr(module, "FIRST_BREAK", 0.05)
    monkeypatch.setattr(module, "LONGEST_BREAK", 0.05)
    directory = public_directory / f"promoted-{request.node.callspec.id}"
    with Replication(directory, standbys=1) as replication:
        async with fleet_of(replication, str(request.param)) as fleet:
            yield fleet


async def test_a_client_sees_what_it_wrote_before_and_after_a_promotion(promoted: Fleet) -> None:
    [standby] = promoted.replication.standbys
    async with Database(settings_of(promoted)) as database:
        assert await by_reader(database) == "first"
        await by_session(database, "second")
        await promoted.replication.catch_up()
        assert await by_reader(database) == "second"

        await promoted.replication.primary.kill()
        await promoted.primary.cut()
        await standby.promote()
        with database.reading_after():
            assert await by_reader(database) == "second"

        async def is_writable() -> bool:
            try:
                await by_session(database, "third")
            except (WellheadError, OSError):
                return False
            return True

        await until(is_writable)
        for number, write in enumerate(WRITES):
            await write(database, str(number))
            assert await by_reader(database) == str(number)
        assert database.replica_stats()[0].reason == "not_standby"
