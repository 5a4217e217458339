"""What becomes of an application when its database does not answer."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from anyio.from_thread import BlockingPortal
from fastapi.testclient import TestClient

from tests.testing.shelf import Shelf, application, fill
from wellhead import Database, DatabaseSettings
from wellhead.errors import ConfigurationError, PoolTimeout
from wellhead.testing import (
    Network,
    database_down,
    kill_connections,
    sleeping_database,
    slow_network,
)

PATIENCE = 2.0
"""Seconds that a request waits for a connection where there is none."""


@pytest.fixture
def served(network_url: str) -> Database:
    """The database of an application."""
    return Database(
        DatabaseSettings(url=network_url, connect_timeout=PATIENCE, pool_timeout=PATIENCE + 1)
    )


@pytest.fixture
def client(served: Database) -> Iterator[TestClient]:
    """The application, in a thread of its own; it has a connection already."""
    with TestClient(application(served), raise_server_exceptions=False) as client:
        portal_of(client).call(fill, served)
        yield client


def portal_of(client: TestClient) -> BlockingPortal:
    assert client.portal is not None
    return client.portal


async def read(database: Database) -> Shelf | None:
    async with database.reader() as reader:
        return await reader.get(Shelf, 1)


def test_while_the_database_is_down_a_request_is_answered_503(client: TestClient) -> None:
    with database_down():
        statuses = [client.get("/shelves/1").status_code, client.post("/shelves").status_code]

    assert statuses == [503, 503]


def test_after_it_was_down_requests_are_served_again(client: TestClient) -> None:
    with database_down():
        client.get("/shelves/1")

    assert client.get("/shelves/1").status_code == 200


def test_a_network_that_is_slow_holds_back_each_way(client: TestClient) -> None:
    with slow_network(40):
        began = time.monotonic()
        client.get("/shelves/1").raise_for_status()
        took = time.monotonic() - began

    assert took >= 0.08
    assert client.get("/shelves/1").status_code == 200


def test_killed_connections_are_replaced_by_new_ones(client: TestClient) -> None:
    killed = kill_connections()

    assert killed >= 1
    assert client.get("/shelves/1").status_code == 200
    assert kill_connections() == 1


def test_a_database_sleeps_until_the_first_request_that_needs_it(client: TestClient) -> None:
    with sleeping_database(wakes_in=50) as sleeping:
        asleep = sleeping.is_awake, sleeping.wakes
        client.get("/health/live").raise_for_status()
        after_probe = sleeping.wakes
        began = time.monotonic()
        client.get("/shelves/1").raise_for_status()
        took = time.monotonic() - began
        awake = sleeping.is_awake, sleeping.wakes

    assert asleep == (False, 0)
    assert after_probe == 0
    assert took >= 0.05
    assert awake == (True, 1)


def test_many_requests_wake_a_database_once(client: TestClient, served: Database) -> None:
    async def many() -> None:
        await asyncio.gather(*(read(served) for _ in range(5)))

    with sleeping_database(wakes_in=20) as sleeping:
        portal_of(client).call(many)

    assert sleeping.wakes == 1


def test_a_database_can_be_sent_to_sleep_again(client: TestClient) -> None:
    with sleeping_database(wakes_in=1) as sleeping:
        client.get("/shelves/1").raise_for_status()
        sleeping.sleep()
        is_awake = sleeping.is_awake
        client.get("/shelves/1").raise_for_status()

    assert not is_awake
    assert sleeping.wakes == 2


def test_what_still_waits_when_the_block_ends_is_let_through(
    client: TestClient, served: Database
) -> None:
    with sleeping_database(wakes_in=3_600_000) as sleeping:
        waiting = portal_of(client).start_task_soon(read, served)
        while not sleeping.wakes:
            time.sleep(0.001)

    assert waiting.result(60) is not None


async def test_faults_work_in_the_event_loop_of_the_test(shelf: Database) -> None:
    with database_down(), pytest.raises(PoolTimeout):
        await read(shelf)

    assert await read(shelf) is not None


def test_faults_are_refused_where_the_test_is_one_transaction(network: Network) -> None:
    why = "the test is one transaction. "
    with network.present(faults_refusal=why):
        for instrument in (database_down, lambda: slow_network(1), sleeping_database):
            with pytest.raises(ConfigurationError, match=r"cannot work here: the test is one"):
                instrument().__enter__()
        with pytest.raises(ConfigurationError, match=r"kill_connections\(\) cannot work here"):
            kill_connections()


def test_faults_are_refused_without_a_database_of_the_plugin() -> None:
    with pytest.raises(ConfigurationError, match=r"database_down\(\) has nothing to work on"):
        database_down().__enter__()
