"""What each request costs, counted on the wire between the application and PostgreSQL."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx2 import AsyncClient
from staged import StagedAccount
from task_api import TaskAPI

from wellhead import Database
from wellhead.testing.proxy import TCPProxy

pytestmark = pytest.mark.wellhead(commit=True)


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


@pytest.mark.parametrize("tags", [[], ["a", "b", "c"]])
async def test_creating_a_task_costs_one_with_tags_that_exist_or_not(
    api: TaskAPI, cost: Cost, tags: list[str]
) -> None:
    new = iter([["first"], ["second"], ["third"]])

    assert await cost.of(lambda: api.task(tags=tags)) == 1
    assert await cost.of(lambda: api.task(tags=[*tags, *next(new)])) == 1


@pytest.mark.parametrize("count", [1, 5, 30])
async def test_a_list_with_tags_costs_one_however_long_it_is(
    api: TaskAPI, cost: Cost, count: int
) -> None:
    for number in range(count):
        await api.task(f"{number}", tags=["a", f"tag {number}"])

    assert await cost.of(lambda: api.titles(limit=100)) == 1


async def test_an_empty_list_costs_one(api: TaskAPI, cost: Cost) -> None:
    assert await cost.of(api.titles) == 1


async def test_a_list_by_every_filter_costs_one(api: TaskAPI, cost: Cost) -> None:
    await api.task("milk", tags=["a", "b"], due_date="2030-01-01T00:00:00Z")
    query = {
        "completed": "false",
        "priority": ["low", "medium"],
        "tag": ["a", "b"],
        "due_from": "2029-01-01T00:00:00Z",
        "q": "milk",
        "sort": "-due_date",
    }

    assert await cost.of(lambda: api.titles(**query)) == 1


async def test_creating_and_reading_a_tag_costs_one(api: TaskAPI, cost: Cost) -> None:
    names = iter(["first", "second", "third"])
    path = f"/tags/{(await api.tag('work'))['id']}"

    assert await cost.of(lambda: api.tag(next(names))) == 1
    assert await cost.of(lambda: api.expect(200, "GET", path)) == 1


async def test_a_list_of_tags_with_counts_costs_one(api: TaskAPI, cost: Cost) -> None:
    await api.task(tags=["a", "b", "c"])

    assert await cost.of(lambda: api.expect(200, "GET", "/tags")) == 1


CHANGES: dict[str, Callable[[str, str], tuple[str, str, Any]]] = {
    "replace": lambda task, _: ("PUT", task, {"title": "Replaced", "tags": ["a", "new"]}),
    "change": lambda task, _: ("PATCH", task, {"title": "Changed"}),
    "change tags": lambda task, _: ("PATCH", task, {"tags": ["a", "new"]}),
    "complete": lambda task, _: ("PATCH", f"{task}/complete", {}),
    "attach": lambda task, tag: ("PUT", f"{tag}{task}", None),
    "detach": lambda task, tag: ("DELETE", f"{tag}{task}", None),
    "delete": lambda task, _: ("DELETE", task, None),
    "delete the tag": lambda _, tag: ("DELETE", tag, None),
    "rename the tag": lambda _, tag: ("PATCH", tag, {"name": "renamed"}),
}


@pytest.mark.parametrize("is_conditional", [False, True])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_costs_one_with_a_condition_and_without(
    api: TaskAPI, cost: Cost, change: str, *, is_conditional: bool
) -> None:
    worlds = []
    for number in range(3):
        spare = await api.tag(f"spare {number}")
        carried = await api.tag(f"carried {number}")
        task = await api.task(tags=["a", f"carried {number}"])
        tag = spare if change == "attach" else carried
        method, path, body = CHANGES[change](f"/tasks/{task['id']}", f"/tags/{tag['id']}")
        body = {**body, "name": f"renamed {number}"} if change == "rename the tag" else body
        changed = tag if change.endswith("the tag") else task
        etag = changed["etag"] if is_conditional else None
        worlds.append((method, path, body, etag))
    given = iter(worlds)

    async def send() -> None:
        method, path, body, etag = next(given)
        answer = await api.send(method, path, if_match=etag, json=body)
        assert answer.is_success, answer.text

    assert await cost.of(send) == 1


@pytest.mark.parametrize(
    ("status", "etag"), [(404, None), (404, '"1"'), (412, '"1"')], ids=["none", "gone", "changed"]
)
async def test_a_change_that_is_refused_costs_one(
    api: TaskAPI, cost: Cost, status: int, etag: str | None
) -> None:
    task = (await api.task())["id"] if status == 412 else "0191b3f0-0000-7000-8000-000000000000"
    change = {"json": {"title": "new"}, "if_match": etag}

    assert await cost.of(lambda: api.expect(status, "PATCH", f"/tasks/{task}", **change)) == 1


async def test_what_is_refused_by_its_form_alone_costs_nothing(api: TaskAPI, cost: Cost) -> None:
    assert await cost.of(lambda: api.expect(422, "POST", "/tasks", json={})) == 0
    assert await cost.of(lambda: api.expect(422, "GET", "/tasks?cursor=forged")) == 0
