"""Counting and faults through the plugin's own fixtures, in both modes."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from tests.testing.conftest import create_app
from wellhead import Database
from wellhead.errors import ConfigurationError
from wellhead.testing import (
    assert_max_queries,
    count_round_trips,
    kill_connections,
    sleeping_database,
    slow_network,
)


@pytest.fixture(
    params=["joined", pytest.param("committed", marks=pytest.mark.wellhead(commit=True))]
)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def blocking_client(database: Database[Any]) -> Iterator[TestClient]:
    with TestClient(create_app(database), raise_server_exceptions=False) as client:
        yield client


async def counted(client: httpx2.AsyncClient, method: str, path: str) -> tuple[int, int]:
    with count_round_trips() as trips:
        await client.request(method, path)
    return trips.round_trips, len(trips.queries)


@pytest.mark.usefixtures("mode")
async def test_a_request_counts_alike_in_either_mode(client: httpx2.AsyncClient) -> None:
    await client.put("/items/first")
    await client.get("/items")

    assert await counted(client, "PUT", "/items/lamp") == (3, 1)
    assert await counted(client, "PUT", "/items/desk/by-run") == (3, 1)
    assert await counted(client, "GET", "/items") == (1, 1)
    assert await counted(client, "PUT", "/items/lamp") == (3, 1)


@pytest.mark.usefixtures("mode")
def test_a_client_in_another_thread_counts_alike(blocking_client: TestClient) -> None:
    blocking_client.put("/items/first")
    with assert_max_queries(1) as trips:
        blocking_client.put("/items/lamp")

    assert trips.round_trips == 3


@pytest.mark.usefixtures("database")
def test_nothing_can_be_broken_where_the_test_is_one_transaction() -> None:
    with pytest.raises(ConfigurationError) as refused:
        kill_connections()

    assert "kill_connections() cannot work here: the test is one transaction." in str(refused.value)
    assert "@pytest.mark.wellhead(commit=True)" in str(refused.value)


@pytest.mark.wellhead(commit=True)
def test_faults_work_where_commits_are_real(blocking_client: TestClient) -> None:
    blocking_client.put("/items/lamp")
    with sleeping_database(wakes_in=10) as sleeping:
        blocking_client.get("/items").raise_for_status()
    with slow_network(1):
        blocking_client.get("/items").raise_for_status()
    killed = kill_connections()

    assert sleeping.wakes == 1
    assert killed == 1
    assert blocking_client.get("/items").json() == 1
