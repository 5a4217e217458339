"""Lists of hosts: replicas are found among them, and a standby that becomes the primary is none."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.staging.fleet import Fleet, fleet_of
from tests.staging.notes import WRITES, by_query, by_reader, by_session
from tests.staging.patience import until
from tests.staging.streaming import Replication
from wellhead import Database, DatabaseSettings, WellheadError
from wellhead.replicas import availability as module


def listed(fleet: Fleet, attributes: str, *, standbys: int = 1) -> str:
    """The URL of the primary and so many standbys, for servers with these attributes."""
    url = fleet.url(fleet.primary, fleet.replication.primary)
    own = f":{fleet.primary.port}"
    others = [f",{each.host}:{each.port}" for each in fleet.replicas[:standbys]]
    listed = url.replace(f"{own}/", "".join([own, *others, "/"]))
    return f"{listed}?target_session_attrs={attributes}"


def settings_of(fleet: Fleet) -> DatabaseSettings:
    return DatabaseSettings(
        url=listed(fleet, "read-write"),
        replica_url=listed(fleet, "prefer-standby"),
        connect_timeout=5,
    )


@pytest.mark.parametrize("attributes", ["prefer-standby", "standby", "any"])
async def test_each_standby_among_several_hosts_is_a_replica(fleet: Fleet, attributes: str) -> None:
    settings = settings_of(fleet).model_copy(
        update={"replica_url": listed(fleet, attributes, standbys=2)}
    )
    async with Database(settings) as database:
        await until(lambda: _are_all_known(database))
        _, *before = database.replica_stats()
        for _ in range(10):
            with database.reading_after():
                assert await by_query(database) == "first"

        of_primary, *after = database.replica_stats()
        assert of_primary.reads == 0
        assert sum(each.reads for each in after) - sum(each.reads for each in before) == 10
        assert max(each.reads for each in after) - min(each.reads for each in after) <= 1


async def _are_all_known(database: Database) -> bool:
    with database.reading_after():
        await by_query(database)
    of_primary, *others = database.replica_stats()
    return of_primary.reason == "not_standby" and all(each.is_up for each in others)


async def test_without_a_standby_the_list_leads_to_the_primary_which_is_read_as_such(
    fleet: Fleet,
) -> None:
    await fleet.replicas[0].refuse()
    async with Database(settings_of(fleet)) as database:
        assert await by_reader(database) == "first"

        of_primary, other = database.replica_stats()
        assert (of_primary.is_up, of_primary.reason, of_primary.reads) == (False, "not_standby", 0)
        assert (other.is_up, other.reason, other.reads) == (False, "unavailable", 0)


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
async def promoted(
    request: pytest.FixtureRequest, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Fleet]:
    """A fleet of its own, whose standby may be promoted; breaks are short."""
    monkeypatch.setattr(module, "FIRST_BREAK", 0.05)
    monkeypatch.setattr(module, "LONGEST_BREAK", 0.05)
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
        assert database.replica_stats()[1].reason == "not_standby"
