"""What each request costs, counted on the wire between the application and PostgreSQL."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx2 import AsyncClient
from staged import StagedAccount
from task_api import TaskAPI

from tests.staging.proxy import TCPProxy
from wellhead import Database


@pytest.fixture
def database(proxied_database: Database) -> Database:
    return proxied_database


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


@pytest.fixture
def cost(proxy: TCPProxy) -> "Cost":
    return Cost(proxy)


class Cost:
    """Counts the round trips of a request once the connection knows its statements."""

    def __init__(self, proxy: TCPProxy) -> None:
        self._proxy = proxy

    async def of(self, request: Callable[[], Awaitable[Any]]) -> int:
        for _ in range(2):
            await request()
        self._proxy.reset()
        await request()
        return self._proxy.round_trips


async def test_reading_a_task_with_its_tags_costs_one(api: TaskAPI, cost: Cost) -> None:
    path = f"/tasks/{(await api.task(tags=['a', 'b', 'c']))['id']}"

    assert await cost.of(lambda: api.expect(200, "GET", path)) == 1


async def test_creating_a_task_costs_three(api: TaskAPI, cost: Cost) -> None:
    assert await cost.of(api.task) == 3


async def test_creating_a_task_with_tags_that_exist_costs_five(api: TaskAPI, cost: Cost) -> None:
    assert await cost.of(lambda: api.task(tags=["a", "b", "c"])) == 5


@pytest.mark.parametrize("count", [1, 5, 30])
async def test_a_list_with_tags_costs_two_however_long_it_is(
    api: TaskAPI, cost: Cost, count: int
) -> None:
    for number in range(count):
        await api.task(f"{number}", tags=["a", f"tag {number}"])

    assert await cost.of(lambda: api.titles(limit=100)) == 2


async def test_an_empty_list_costs_one(api: TaskAPI, cost: Cost) -> None:
    assert await cost.of(api.titles) == 1


async def test_a_list_by_every_filter_costs_two(api: TaskAPI, cost: Cost) -> None:
    await api.task("milk", tags=["a", "b"], due_date="2030-01-01T00:00:00Z")
    query = {
        "completed": "false",
        "priority": ["low", "medium"],
        "tag": ["a", "b"],
        "due_from": "2029-01-01T00:00:00Z",
        "q": "milk",
        "sort": "-due_date",
    }

    assert await cost.of(lambda: api.titles(**query)) == 2


async def test_a_list_of_tags_with_counts_costs_one(api: TaskAPI, cost: Cost) -> None:
    await api.task(tags=["a", "b", "c"])

    assert await cost.of(lambda: api.expect(200, "GET", "/tags")) == 1


async def test_changing_a_task_costs_five(api: TaskAPI, cost: Cost) -> None:
    path = f"/tasks/{(await api.task(tags=['a']))['id']}"
    titles = iter(["first", "second", "third"])

    assert await cost.of(lambda: api.expect(200, "PATCH", path, json={"title": next(titles)})) == 5


async def test_deleting_a_task_costs_three(api: TaskAPI, cost: Cost) -> None:
    paths = iter([f"/tasks/{(await api.task(tags=['a']))['id']}" for _ in range(3)])

    assert await cost.of(lambda: api.expect(204, "DELETE", next(paths))) == 3


async def test_what_is_refused_by_its_form_alone_costs_nothing(api: TaskAPI, cost: Cost) -> None:
    assert await cost.of(lambda: api.expect(422, "POST", "/tasks", json={})) == 0
    assert await cost.of(lambda: api.expect(422, "GET", "/tasks?cursor=forged")) == 0
