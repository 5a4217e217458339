"""A deleted task can be brought back, for a while."""

import asyncio
from datetime import timedelta

import pytest
from following import Follower, changes_since
from httpx2 import AsyncClient
from staged import StagedAccount
from task_api import Json, TaskAPI
from writes import Connection, until_somebody_waits

from todo.cleanup import FORGOTTEN, clean_up
from wellhead import Database


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


async def delete(api: TaskAPI, task: Json) -> None:
    await api.expect(204, "DELETE", f"/tasks/{task['id']}")


async def restore(api: TaskAPI, task: Json) -> Json:
    return await api.expect(200, "POST", f"/tasks/{task['id']}/restore")


def but_for_the_change(task: Json) -> Json:
    return {**task, "updated_at": None, "etag": None}


async def test_a_restored_task_is_the_same_but_for_its_last_change(api: TaskAPI) -> None:
    task = await api.task(
        "Buy milk",
        description="two litres",
        priority="urgent",
        due_date="2030-01-01T00:00:00.000001Z",
        completed=True,
        tags=["a", "B"],
    )
    await delete(api, task)

    restored = await restore(api, task)

    assert but_for_the_change(restored) == but_for_the_change(task)
    assert restored["etag"] != task["etag"]
    assert restored == await api.expect(200, "GET", f"/tasks/{task['id']}")


async def test_a_task_that_is_there_is_returned(api: TaskAPI) -> None:
    task = await api.task()

    assert await restore(api, task) == task


async def test_a_missing_tag_is_created_and_a_renamed_one_is_found(api: TaskAPI) -> None:
    task = await api.task(tags=["gone", "renamed", "replaced"])
    gone, renamed, replaced = (tag["id"] for tag in task["tags"])
    await api.expect(200, "PATCH", f"/tags/{gone}", json={"color": "#123456"})
    await delete(api, task)
    await api.expect(204, "DELETE", f"/tags/{gone}")
    await api.expect(200, "PATCH", f"/tags/{renamed}", json={"name": "new name"})
    await api.expect(204, "DELETE", f"/tags/{replaced}")
    other = await api.tag("Replaced")

    tags = (await restore(api, task))["tags"]

    assert [(tag["name"], tag["color"]) for tag in tags] == [
        ("gone", "#123456"),
        ("new name", renamed and tags[1]["color"]),
        ("Replaced", other["color"]),
    ]
    assert tags[1]["id"] == renamed
    assert tags[2]["id"] == other["id"]


async def test_a_task_of_others_or_of_nobody_is_not_found(
    api: TaskAPI, client: AsyncClient, other_account: StagedAccount
) -> None:
    task = await api.task()
    await delete(api, task)
    other = TaskAPI(client, other_account)

    await other.expect(404, "POST", f"/tasks/{task['id']}/restore")
    await other.expect(404, "POST", f"/tasks/{other_account.id}/restore")
    await restore(api, task)


async def test_a_task_can_be_deleted_and_restored_again_and_again(api: TaskAPI) -> None:
    task = await api.task("one", tags=["a"])
    etags = {task["etag"]}
    for title in ("two", "three"):
        await api.expect(200, "PATCH", f"/tasks/{task['id']}", json={"title": title})
        await delete(api, task)
        restored = await restore(api, task)
        assert restored["title"] == title
        etags.add(restored["etag"])

    assert len(etags) == 3


async def test_what_cleanup_or_a_bulk_deletes_can_be_restored(
    api: TaskAPI, database: Database
) -> None:
    task = await api.task(completed=True, tags=["a"])
    await clean_up(database, completed_before=timedelta(0))
    assert await api.titles() == []

    assert (await restore(api, task))["tags"] == task["tags"]


@pytest.mark.wellhead(commit=True)
async def test_a_forgotten_task_cannot_be_restored_and_ends_older_tokens(
    api: TaskAPI, database: Database
) -> None:
    task = await api.task(tags=["a"])
    older = (await changes_since(api))["next_since"]
    await delete(api, task)
    await api.expect(204, "DELETE", f"/tags/{task['tags'][0]['id']}")
    newer = (await changes_since(api, older))["next_since"]

    cleaned = await clean_up(database, deleted_before=timedelta(0))

    assert cleaned[FORGOTTEN] == 2
    await api.expect(404, "POST", f"/tasks/{task['id']}/restore")
    problem = await api.expect(410, "GET", "/changes", params={"since": older})
    assert problem["type"] == "urn:todo:read-everything"
    await changes_since(api, newer)


@pytest.mark.wellhead(commit=True)
async def test_a_restored_task_is_a_change_and_no_deletion(api: TaskAPI) -> None:
    task = await api.task(tags=["a"])
    follower = Follower(api)
    await follower.catch_up()
    before = follower.since
    await delete(api, task)
    await follower.catch_up()
    assert follower.tasks == {}
    await restore(api, task)

    await follower.catch_up()

    await follower.assert_in_step()
    assert (await changes_since(api, before))["deleted_task_ids"] == []


@pytest.mark.wellhead(commit=True)
async def test_two_restorations_at_once_restore_it_once(api: TaskAPI, server: Connection) -> None:
    task = await api.task(tags=["a"])
    await delete(api, task)
    rival = server.transaction()
    await rival.start()
    await server.execute("SELECT FROM deleted_tasks FOR UPDATE")

    both = [asyncio.create_task(restore(api, task)) for _ in range(2)]
    await until_somebody_waits(server)
    await rival.rollback()

    first, second = [await each for each in both]
    assert first == second


@pytest.mark.wellhead(commit=True)
async def test_a_tag_that_is_put_on_a_task_while_it_is_deleted_comes_back_with_it(
    api: TaskAPI, server: Connection
) -> None:
    task = await api.task()
    tag = await api.tag("late")
    rival = server.transaction()
    await rival.start()
    await server.execute("UPDATE tasks SET version = version + 1")
    await server.execute("INSERT INTO task_tags VALUES ($1, $2)", task["id"], tag["id"])

    deleting = asyncio.create_task(delete(api, task))
    await until_somebody_waits(server)
    await rival.commit()
    await deleting

    assert [each["name"] for each in (await restore(api, task))["tags"]] == ["late"]


async def restore_all(api: TaskAPI, *ids: str) -> Json:
    return await api.expect(200, "POST", "/tasks/bulk", json={"action": "restore", "ids": [*ids]})


async def test_many_are_restored_in_one_request_as_they_were(
    api: TaskAPI, client: AsyncClient, other_account: StagedAccount
) -> None:
    other = TaskAPI(client, other_account)
    theirs = await other.task()
    await delete(other, theirs)
    there = await api.task()
    tasks = [
        await api.task("one", tags=["kept", "gone"], description="two litres"),
        await api.task("two", tags=["gone", "renamed"], completed=True),
        await api.task("three"),
    ]
    tags = {tag["name"]: tag["id"] for task in tasks for tag in task["tags"]}
    for task in tasks:
        await delete(api, task)
    await api.expect(204, "DELETE", f"/tags/{tags['gone']}")
    await api.expect(200, "PATCH", f"/tags/{tags['renamed']}", json={"name": "new name"})
    ids = [task["id"] for task in tasks]

    answer = await restore_all(api, *ids, there["id"], theirs["id"])

    assert answer == {
        "changed": sorted(ids),
        "unchanged": [there["id"]],
        "not_found": [theirs["id"]],
        "has_more": False,
    }
    again = [await api.expect(200, "GET", f"/tasks/{each}") for each in ids]
    assert [[tag["name"] for tag in task["tags"]] for task in again] == [
        ["gone", "kept"],
        ["gone", "new name"],
        [],
    ]
    gone = {tag["id"] for task in again for tag in task["tags"] if tag["name"] == "gone"}
    assert len(gone) == 1
    for before, after in zip(tasks, again, strict=True):
        assert after["etag"] != before["etag"]
        assert but_for_the_change({**after, "tags": []}) == but_for_the_change(
            {**before, "tags": []}
        )


async def test_two_tags_that_had_one_name_come_back_as_one(api: TaskAPI) -> None:
    ids = []
    for _ in range(2):
        task = await api.task(tags=["a"])
        await delete(api, task)
        await api.expect(204, "DELETE", f"/tags/{task['tags'][0]['id']}")
        ids.append(task["id"])

    await restore_all(api, *ids)

    first, second = [(await api.expect(200, "GET", f"/tasks/{each}"))["tags"] for each in ids]
    assert first == second
    assert [tag["name"] for tag in first] == ["a"]


@pytest.mark.wellhead(commit=True)
async def test_many_restored_tasks_are_changes_and_no_deletions(api: TaskAPI) -> None:
    tasks = [await api.task(tags=["a"]) for _ in range(3)]
    follower = Follower(api)
    for task in tasks:
        await delete(api, task)
    await follower.catch_up()
    await restore_all(api, *(task["id"] for task in tasks))

    await follower.catch_up()

    assert len(follower.tasks) == 3
    await follower.assert_in_step()
