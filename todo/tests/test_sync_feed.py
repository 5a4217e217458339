"""Staying in step: no change is missed, however late it commits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from following import Follower, changes_since, interleave
from httpx2 import AsyncClient
from staged import StagedAccount
from task_api import TaskAPI
from writes import Connection

from todo.sync.token import Snapshot
from wellhead import Database, DatabaseSettings

pytestmark = pytest.mark.wellhead(commit=True)


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


@asynccontextmanager
async def transaction(url: str) -> AsyncIterator[Connection]:
    """A connection with an open transaction, committed at the end."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            yield connection
    finally:
        await connection.close()


async def test_the_first_read_is_everything_and_the_next_one_nothing(api: TaskAPI) -> None:
    task = await api.task(tags=["a"])
    deleted = await api.task()
    await api.expect(204, "DELETE", f"/tasks/{deleted['id']}")

    first = await changes_since(api)
    second = await changes_since(api, first["next_since"])

    assert first["tasks"] == [task]
    assert [tag["name"] for tag in first["tags"]] == ["a"]
    assert first["deleted_task_ids"] == []
    assert not first["has_more"]
    assert [second[name] for name in ("tasks", "tags", "deleted_task_ids")] == [[], [], []]


async def test_a_transaction_that_began_before_and_commits_after_is_read_next(
    api: TaskAPI, wellhead_url: str
) -> None:
    task = await api.task("old")
    async with transaction(wellhead_url) as late:
        await late.execute("UPDATE tasks SET title = 'late', version = version + 1")
        await api.task("newer")
        first = await changes_since(api)

    second = await changes_since(api, first["next_since"])

    assert {each["title"] for each in first["tasks"]} == {"old", "newer"}
    assert [(each["id"], each["title"]) for each in second["tasks"]] == [(task["id"], "late")]


async def test_a_deletion_that_commits_late_is_read_next(api: TaskAPI, wellhead_url: str) -> None:
    task = await api.task()
    async with transaction(wellhead_url) as late:
        await late.execute("DELETE FROM tasks")
        await api.task("newer")
        first = await changes_since(api)

    second = await changes_since(api, first["next_since"])

    assert second["deleted_task_ids"] == [task["id"]]


async def test_a_tag_that_is_put_on_a_task_while_it_is_being_deleted_shows_on_neither(
    api: TaskAPI, wellhead_url: str
) -> None:
    task = await api.task()
    tag = await api.tag()
    follower = Follower(api)
    async with transaction(wellhead_url) as late:
        await late.execute("DELETE FROM tags")
        await follower.catch_up()
    await follower.catch_up()
    assert (await api.send("PUT", f"/tags/{tag['id']}/tasks/{task['id']}")).status_code == 404

    assert follower.tags == {}
    await follower.assert_in_step()


@pytest.mark.parametrize("change", ["rename", "recolour", "delete", "attach", "detach"])
async def test_a_change_of_a_tag_shows_its_tasks_as_changed(api: TaskAPI, change: str) -> None:
    task = await api.task("with", tags=["a", "b"])
    other = await api.task("without")
    path = f"/tags/{task['tags'][0]['id']}"
    follower = Follower(api)
    await follower.catch_up()
    before = follower.since

    match change:
        case "rename":
            await api.expect(200, "PATCH", path, json={"name": "new"})
        case "recolour":
            await api.expect(200, "PATCH", path, json={"color": "#000000"})
        case "delete":
            await api.expect(204, "DELETE", path)
        case "attach":
            await api.expect(200, "PUT", f"{path}/tasks/{other['id']}")
        case _:
            await api.expect(200, "DELETE", f"{path}/tasks/{task['id']}")

    found = await changes_since(api, before)
    assert [each["title"] for each in found["tasks"]] == (
        ["without"] if change == "attach" else ["with"]
    )
    await follower.catch_up()
    await follower.assert_in_step()


async def test_pages_bring_what_changes_between_them_once_more_or_later(api: TaskAPI) -> None:
    tasks = [await api.task(f"{number}", tags=["a", f"{number}"]) for number in range(7)]
    follower = Follower(api, limit=3)

    assert await follower.page()
    await api.expect(204, "DELETE", f"/tasks/{tasks[0]['id']}")
    await api.expect(200, "PATCH", f"/tasks/{tasks[1]['id']}", json={"title": "changed"})
    await api.task("new")
    await follower.catch_up()
    await follower.catch_up()

    await follower.assert_in_step()


async def test_one_change_of_a_tag_on_many_tasks_takes_many_pages(api: TaskAPI) -> None:
    for number in range(8):
        await api.task(f"{number}", tags=["a"])
    follower = Follower(api, limit=2)
    await follower.catch_up()
    (tag,) = follower.tags

    await api.expect(200, "PATCH", f"/tags/{tag}", json={"name": "b"})
    pages = 1
    while await follower.page():
        pages += 1

    assert pages == 5
    await follower.assert_in_step()


async def test_others_see_nothing_of_it(
    api: TaskAPI, client: AsyncClient, other_account: StagedAccount
) -> None:
    other = Follower(TaskAPI(client, other_account))
    await other.catch_up()
    task = await api.task(tags=["a"])
    await api.expect(204, "DELETE", f"/tags/{task['tags'][0]['id']}")
    await api.expect(204, "DELETE", f"/tasks/{task['id']}")

    await other.catch_up()

    assert other.read == 0


@pytest.mark.parametrize("seed", range(6))
async def test_a_follower_is_in_step_whatever_the_order(
    api: TaskAPI, wellhead_url: str, seed: int
) -> None:
    await interleave(api, wellhead_url, [seed])


async def test_the_highest_transaction_alone_would_miss_changes(
    api: TaskAPI, wellhead_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def highest(text: str) -> Snapshot:
        xmax = int(text.split(":")[1])
        return Snapshot(xmin=xmax, xmax=xmax, xip=[])

    monkeypatch.setattr(Snapshot, "parse", highest)

    with pytest.raises(AssertionError):
        await interleave(api, wellhead_url, range(6))


async def test_many_open_transactions_shorten_what_a_token_says_and_miss_nothing(
    api: TaskAPI, wellhead_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("todo.sync.token.MOST_OPEN", 1)

    await interleave(api, wellhead_url, range(3))


class TestThroughPsycopg:
    """The other driver."""

    @pytest.fixture
    def wellhead_database(self, wellhead_url: str) -> Database:
        url = wellhead_url.replace("postgresql://", "postgresql+psycopg://", 1)
        return Database(DatabaseSettings(url=url))

    async def test_a_follower_is_in_step(self, api: TaskAPI, wellhead_url: str) -> None:
        await interleave(api, wellhead_url, [1])
