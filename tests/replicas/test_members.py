"""The replicas come and go as Patroni says, which is asked only while somebody reads."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from tests.staging.fleet import Fleet
from tests.staging.notes import READS, SELECT, Read, by_query, by_reader, by_session
from tests.staging.patience import until
from tests.staging.patroni import StagedPatroni, staged_patroni
from wellhead import Database, Reader
from wellhead.pool.observing import Observer
from wellhead.replicas import members as module
from wellhead.replicas import patroni as asking

NAMES = [read.__name__ for read in READS]


@pytest.fixture
async def patroni() -> AsyncIterator[StagedPatroni]:
    """A Patroni that listens, and says nothing yet."""
    async with staged_patroni() as patroni:
        yield patroni


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait for long until Patroni is asked again."""
    monkeypatch.setattr(module, "ASK_AFTER", 0.02)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(asking, "PATIENCE", 0.3)


@asynccontextmanager
async def following(fleet: Fleet, patroni: StagedPatroni) -> AsyncIterator[Database]:
    """A database whose replicas are those that Patroni names."""
    update = {"replica_url": None, "patroni_url": patroni.url}
    async with Database(fleet.settings().model_copy(update=update)) as database:
        fleet.reset()
        yield database


class Written(Observer):
    """Keeps the text of each statement."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def ran(
        self, statement: str, shape: str | None, seconds: float, error: BaseException | None
    ) -> None:
        del shape, seconds, error
        self.seen.append(statement)


def named(database: Database) -> list[str]:
    return [each.name for each in database.replica_stats()]


def names_of(fleet: Fleet) -> list[str]:
    return [f"{each.host}:{each.port}" for each in fleet.replicas]


async def read(database: Database, read: Read = by_query) -> str | None:
    """Read as a client that has seen nothing."""
    with database.reading_after():
        return await read(database)


async def reads_at(database: Database, *names: str, read_by: Read = by_query) -> bool:
    """Whether each of the replicas, and no other, has been read from."""
    assert await read(database, read_by) == "first"
    stats = database.replica_stats()
    return [each.name for each in stats] == [*names] and all(each.reads for each in stats)


@pytest.mark.parametrize("way", READS, ids=NAMES)
@pytest.mark.usefixtures("impatient")
async def test_the_replicas_that_it_names_are_read_from(
    fleet: Fleet, patroni: StagedPatroni, way: Read
) -> None:
    patroni.name(fleet.replicas)
    async with following(fleet, patroni) as database:
        await until(lambda: reads_at(database, *names_of(fleet), read_by=way))


@pytest.mark.usefixtures("impatient")
async def test_one_that_joins_is_opened_and_one_that_is_gone_is_closed(
    fleet: Fleet, patroni: StagedPatroni
) -> None:
    first, second = names_of(fleet)
    patroni.name(fleet.replicas[:1])
    async with following(fleet, patroni) as database:
        await until(lambda: reads_at(database, first))

        patroni.name(fleet.replicas)
        await until(lambda: reads_at(database, first, second))
        patroni.name(fleet.replicas[1:])
        await until(lambda: reads_at(database, second))

        await until(lambda: not fleet.replicas[0].open_connections)
        assert fleet.replicas[1].open_connections


@pytest.mark.usefixtures("impatient")
async def test_one_that_joins_is_watched_as_the_others_are(
    fleet: Fleet, patroni: StagedPatroni
) -> None:
    first, second = names_of(fleet)
    patroni.name(fleet.replicas[:1])
    async with following(fleet, patroni) as database:
        await until(lambda: reads_at(database, first))
        statements = Written()
        database.watch(statements)
        patroni.name(fleet.replicas[1:])
        await until(lambda: reads_at(database, second))

        statements.seen.clear()
        fleet.reset()
        assert await read(database) == "first"
        assert fleet.round_trips[2] > 0
        assert any("notes" in each for each in statements.seen)


@pytest.mark.usefixtures("impatient")
async def test_one_that_is_gone_is_closed_once_its_users_are_done(
    fleet: Fleet, patroni: StagedPatroni
) -> None:
    first, second = names_of(fleet)
    patroni.name(fleet.replicas[:1])
    async with following(fleet, patroni) as database:
        await until(lambda: reads_at(database, first))
        with database.reading_after():
            async with database.reader() as reader:
                assert await _first(reader) == "first"
                patroni.name(fleet.replicas[1:])
                await until(lambda: _are_named(database, second))
                assert fleet.replicas[0].open_connections
                fleet.reset()

                # The same reader goes on, from the primary, and that was the last user.
                assert await _first(reader) == "first"
                assert fleet.round_trips[0] > 0
                await until(lambda: not fleet.replicas[0].open_connections)


async def _first(reader: Reader) -> str | None:
    said: str | None = await reader.scalar(SELECT)
    return said


async def _are_named(database: Database, *names: str) -> bool:
    await read(database)
    return named(database) == [*names]


@pytest.mark.parametrize("way", READS, ids=NAMES)
async def test_no_read_waits_for_it(fleet: Fleet, patroni: StagedPatroni, way: Read) -> None:
    async with following(fleet, patroni) as database:
        for _ in range(3):
            assert await read(database, way) == "first"

        await until(lambda: patroni.asked)
        assert patroni.asked == 1
        assert named(database) == []
        assert fleet.round_trips[0] > 0


async def test_it_is_asked_only_while_somebody_reads_and_not_at_every_read(
    fleet: Fleet, patroni: StagedPatroni, monkeypatch: pytest.MonkeyPatch
) -> None:
    patroni.name(fleet.replicas[:1])
    async with following(fleet, patroni) as database:
        await by_session(database, "first")
        await database.check()
        assert patroni.asked == 0

        await until(lambda: reads_at(database, names_of(fleet)[0]))
        for _ in range(20):
            await read(database)
        assert patroni.asked == 1

        later = monotonic() + module.ASK_AFTER
        monkeypatch.setattr("wellhead.replicas.members.monotonic", lambda: later)
        await by_session(database, "first")
        assert patroni.asked == 1
        await read(database)
        await until(lambda: patroni.asked == 2)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("body", [None, b"<html>", b'{"members": []}'], ids=["silent", "html", "0"])
async def test_without_a_usable_response_the_known_ones_are_kept(
    fleet: Fleet,
    patroni: StagedPatroni,
    body: bytes | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "wellhead.replicas")
    patroni.name(fleet.replicas[:1])
    async with following(fleet, patroni) as database:
        await until(lambda: reads_at(database, names_of(fleet)[0]))
        asked, patroni.body = patroni.asked, body

        await until(lambda: _has_been_asked(database, patroni, asked + 3))
        assert await reads_at(database, names_of(fleet)[0])
        patroni.name(fleet.replicas)
        await until(lambda: reads_at(database, *names_of(fleet)))

    events = [vars(record).get("event") for record in caplog.records]
    assert events == [
        "replicas_changed", "patroni_unavailable", "patroni_back", "replicas_changed",
    ]  # fmt: skip


async def _has_been_asked(database: Database, patroni: StagedPatroni, times: int) -> bool:
    await read(database)
    return patroni.asked >= times


@pytest.mark.usefixtures("impatient")
async def test_closing_the_database_ends_what_is_under_way(
    fleet: Fleet, patroni: StagedPatroni
) -> None:
    async with following(fleet, patroni) as database:
        await by_reader(database)
        await until(lambda: patroni.asked)

    assert not [each for each in asyncio.all_tasks() if "Members" in repr(each)]
