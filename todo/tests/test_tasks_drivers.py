"""The whole life of a task through psycopg, the other driver: everything else runs on asyncpg."""

import pytest
from httpx2 import AsyncClient
from staged import StagedAccount
from task_api import TaskAPI

from wellhead import Database, DatabaseSettings


@pytest.fixture
def wellhead_database(wellhead_url: str) -> Database:
    url = wellhead_url.replace("postgresql://", "postgresql+psycopg://", 1)
    return Database(DatabaseSettings(url=url))


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


async def test_tasks_and_tags_live_the_same_life_through_psycopg(
    api: TaskAPI, database: Database
) -> None:
    assert database.engine.driver == "psycopg"
    task = await api.task("Buy milk", tags=["a", "B"], due_date="2030-01-01T00:00:00.000001Z")
    path = f"/tasks/{task['id']}"
    assert await api.expect(200, "GET", path) == task

    changed = await api.expect(
        200, "PUT", path, json={"title": "Buy oat milk", "tags": ["b", "c"]}, if_match=task["etag"]
    )
    assert [tag["name"] for tag in changed["tags"]] == ["B", "c"]
    assert (await api.send("DELETE", path, if_match=task["etag"])).status_code == 412
    assert (await api.send("POST", "/tags", json={"name": "C"})).status_code == 409
    await api.expect(204, "DELETE", path, if_match=changed["etag"])


@pytest.mark.parametrize("sort", ["due_date", "-due_date", "title", "-priority", "-created_at"])
async def test_lists_are_filtered_and_paged_the_same_through_psycopg(
    api: TaskAPI, sort: str
) -> None:
    for number in range(4):
        due = f"2030-01-01T00:00:0{number}Z" if number % 2 else None
        await api.task(f"milk {number}", tags=["a", "b"], due_date=due)
    query = {"tag": ["A", "B"], "q": "milk", "completed": "false", "sort": sort}
    whole = await api.titles(**query)
    walked: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(4):
        page = await api.expect(200, "GET", "/tasks", params={**query, **cursor, "limit": 1})
        walked += [item["title"] for item in page["items"]]
        cursor = {"cursor": page["next_cursor"]}

    assert len(whole) == 4
    assert walked == whole
    assert cursor == {"cursor": None}


async def test_a_key_is_recognised_the_same_through_psycopg(api: TaskAPI) -> None:
    first = await api.task(key="once", tags=["a"])

    assert await api.task(key="once", tags=["a"]) == first
    other = {"json": {"title": "another"}, "headers": {"Idempotency-Key": "once"}}
    await api.expect(422, "POST", "/tasks", **other)
