"""Round trips and queries are counted, whichever way they take."""

import asyncio

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlmodel import select

from tests.testing.shelf import FIND, Shelf, application, fill
from wellhead import Database, DatabaseSettings
from wellhead.errors import ConfigurationError
from wellhead.testing import Network, assert_max_queries, count_round_trips

WARM = 10
"""Times after which either driver has prepared a statement."""


async def test_a_session_takes_begin_the_statement_and_commit(shelf: Database) -> None:
    for _ in range(2):
        with count_round_trips() as trips:
            async with shelf.session() as session:
                await session.exec(select(Shelf))

    assert trips.round_trips == 3
    assert [query.split()[0] for query in trips.queries] == ["SELECT"]


async def test_a_reader_and_a_compiled_query_take_one_each(shelf: Database) -> None:
    for _ in range(2):
        with count_round_trips() as reading:
            async with shelf.reader() as reader:
                await reader.get(Shelf, 1)
        with count_round_trips() as finding:
            await FIND.one(shelf, id=1)

    assert (reading.round_trips, finding.round_trips) == (1, 1)
    assert len(reading.queries) == len(finding.queries) == 1


async def test_a_savepoint_is_round_trips_and_no_query(shelf: Database) -> None:
    for _ in range(2):
        with count_round_trips() as trips:
            async with shelf.session() as session, session.begin_nested():
                await session.exec(select(Shelf))

    assert (trips.round_trips, len(trips.queries)) == (5, 1)


async def test_the_counts_are_those_of_the_wire(shelf: Database, network: Network) -> None:
    async with shelf.session() as session:
        await session.exec(select(Shelf))
    network.proxy.reset()
    with count_round_trips() as trips:
        async with shelf.session() as session:
            await session.exec(select(Shelf))

    assert trips.round_trips == network.proxy.round_trips == 3


async def test_a_statement_for_many_rows_is_one_query(shelf: Database) -> None:
    rows = [{"id": number, "name": "many"} for number in range(100, 3100)]
    with count_round_trips() as trips:
        async with shelf.engine.begin() as connection:
            await connection.execute(text("INSERT INTO shelf VALUES (:id, :name)"), rows)

    assert len(trips.queries) == 1


def test_requests_are_counted_to_an_application_in_another_thread(network_url: str) -> None:
    database = Database(DatabaseSettings(url=network_url))
    with TestClient(application(database)) as client:
        assert client.portal is not None
        client.portal.call(fill, database)
        counts = {}
        for _ in range(WARM):
            for path, method in (
                ("/shelves/1", "GET"),
                ("/compiled/1", "GET"),
                ("/shelves", "POST"),
                ("/run", "POST"),
            ):
                with count_round_trips() as trips:
                    client.request(method, path).raise_for_status()
                counts[path] = trips.round_trips, len(trips.queries)

    assert counts == {
        "/shelves/1": (1, 1),
        "/compiled/1": (1, 1),
        "/shelves": (3, 1),
        "/run": (3, 1),
    }


async def test_no_more_queries_than_allowed_pass(shelf: Database) -> None:
    with assert_max_queries(1) as trips:
        async with shelf.session() as session:
            await session.exec(select(Shelf))

    assert len(trips.queries) == 1


async def test_too_many_queries_are_listed_without_values(shelf: Database) -> None:
    async def ask() -> None:
        async with shelf.session() as session:
            await session.exec(select(Shelf.name).where(Shelf.name == "a secret"))
            await session.execute(text("SELECT 'another secret', 42"))

    with pytest.raises(AssertionError) as failed, assert_max_queries(1):
        await ask()

    message = str(failed.value)
    assert message.startswith("At most 1 query may be run here. There were 2 queries in ")
    assert message.splitlines()[-1] == "  2. SELECT …, …"
    assert "SELECT shelf.name FROM shelf WHERE shelf.name = $1" in message
    assert "secret" not in message
    assert "42" not in message


def test_a_query_for_each_row_is_named(network_url: str) -> None:
    database = Database(DatabaseSettings(url=network_url))
    with TestClient(application(database)) as client:
        assert client.portal is not None
        client.portal.call(fill, database)
        with pytest.raises(AssertionError) as failed, assert_max_queries(2):
            client.get("/each")

    message = str(failed.value)
    assert "  2, 3, 4 (3 times). SELECT book.id" in message
    assert "Query 2 was run 3 times. If it runs once for each row of another query (N+1)" in message


async def test_another_error_of_the_block_is_not_hidden(shelf: Database) -> None:
    async def fail() -> None:
        await FIND.one(shelf, id=1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), assert_max_queries(0):
        await fail()


async def test_tasks_of_the_block_are_counted(shelf: Database) -> None:
    async def read() -> None:
        async with shelf.reader() as reader:
            await reader.get(Shelf, 1)

    with count_round_trips() as trips:
        await asyncio.gather(read(), read(), read())

    assert len(trips.queries) == 3


async def test_blocks_may_stand_in_one_another(shelf: Database) -> None:
    with count_round_trips() as outer:
        await FIND.one(shelf, id=1)
        with count_round_trips() as inner:
            await FIND.one(shelf, id=1)

    assert (len(outer.queries), len(inner.queries)) == (2, 1)


def test_without_a_database_of_the_plugin_nothing_is_counted_and_that_is_said() -> None:
    with pytest.raises(ConfigurationError, match=r"count_round_trips\(\) has nothing to work on"):
        count_round_trips().__enter__()
    with pytest.raises(ConfigurationError, match=r"assert_max_queries\(\) has nothing to work on"):
        assert_max_queries(1).__enter__()
