"""The same of the routes about many tasks."""

from typing import Any
from uuid import uuid4

import pytest

from tests.todo_speed.both import Both, assert_alike, common

DAYS = ["2000-01-31", "2000-01-31T17:00:00Z", "2100-01-31", "2100-01-31T17:00:00Z", None]


async def some(both: Both) -> list[str]:
    """The ids of tasks of every kind."""
    paths = [
        await both.task(title=f"Task {number}", due_date=due, completed=done, tags=tags)
        for number, due in enumerate(DAYS)
        for done in (True, False)
        for tags in ([], ["work", f"tag {number}"])
    ]
    return [path.rpartition("/")[2] for path in paths]


@pytest.mark.parametrize("query", ["", "?time_zone=Asia/Tokyo", "?time_zone=Pacific/Kiritimati"])
async def test_tasks_are_counted_alike(both: Both, query: str) -> None:
    await some(both)
    todo, by_hand = await both.ask("GET", f"{both.tasks}/counts{query}")

    assert by_hand == todo
    assert todo["body"]["overdue"] == 4
    assert todo["body"]["tags"][0] == {
        "id": todo["body"]["tags"][0]["id"],
        "name": "tag 0",
        "open": 1,
    }


@pytest.mark.parametrize(
    "text",
    ["water", "wat pla", "plants -task", '"the plants"', "the or task", "Wäter", "!?", " ", "it's"],
)
async def test_tasks_are_searched_alike(both: Both, text: str) -> None:
    await both.task(title="Wäter the plants")
    await both.task(title="Task of another kind", description="It's about water.")
    for limit in (1, 20):
        query = {"q": text, "limit": limit}

        assert_alike(await both.ask("GET", both.tasks, params=query))


async def test_many_are_changed_alike(both: Both) -> None:
    ids = await some(both)
    missing = sorted(str(uuid4()) for _ in range(3))
    for action in ("complete", "complete", "reopen", "delete"):
        seen = []
        for client in both.clients:
            answer = await client.post(
                f"{both.tasks}/bulk", json={"action": action, "ids": [*missing, *ids]}
            )
            seen.append(answer.json())
            # The other one meets the tasks as they were.
            undone = {"complete": "reopen", "reopen": "complete", "delete": "restore"}[action]
            for each in answer.json()["changed"] if client is both.todo else ():
                body = {"completed": undone == "complete"}
                if undone == "restore":
                    await client.post(f"{both.tasks}/{each}/restore")
                else:
                    await client.patch(f"{both.tasks}/{each}/complete", json=body)

        assert seen[1] == seen[0]
        assert seen[0]["not_found"] == missing


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "complete"},
        {"action": "forget", "ids": [str(uuid4())]},
        {"action": "complete", "ids": ["none"]},
        {"action": "complete", "ids": [str(uuid4())], "more": 1},
    ],
)
async def test_a_change_of_many_that_is_not_valid_is_refused_by_both(both: Both, body: Any) -> None:
    todo, by_hand = await both.ask("POST", f"{both.tasks}/bulk", json=body)

    assert (by_hand["status"], todo["status"]) == (422, 422)


@pytest.mark.parametrize(
    "path", ["tasks/counts?time_zone=nowhere", "changes?limit=0", "changes?since=bm90IG9uZQ"]
)
async def test_a_query_about_many_is_checked_alike(both: Both, path: str) -> None:
    assert_alike(await both.ask("GET", f"/api/{both.user_id}/{path}"))


async def changes(both: Both, since: list[str | None], **query: Any) -> list[Any]:
    """What either lists of the changes after these tokens, in an order of its own."""
    listed = []
    for number, client in enumerate(both.clients):
        given = query if since[number] is None else {**query, "since": since[number]}
        answer = await client.get(f"/api/{both.user_id}/changes", params=given)
        assert answer.is_success, answer.text
        body = answer.json()
        since[number] = body["next_since"]
        for name in ("tasks", "tags"):
            body[name].sort(key=lambda each: str(each["id"]))
        for name in ("deleted_task_ids", "deleted_tag_ids"):
            body[name].sort()
        listed.append(common(body))
    return listed


async def test_changes_are_listed_alike_to_their_end(both: Both) -> None:
    ids = await some(both)
    since: list[str | None] = [None, None]
    sizes = []
    while True:
        todo, by_hand = await changes(both, since, limit=10)
        assert by_hand == todo
        sizes.append(len(todo["tasks"]) + len(todo["tags"]))
        if not todo["has_more"]:
            break
    assert sizes == [10, 10, 6]
    todo, by_hand = await changes(both, since)
    assert by_hand == todo
    assert not any(todo[name] for name in ("tasks", "tags", "deleted_task_ids", "has_more"))

    tags = (await both.todo.get(f"/api/{both.user_id}/tags")).json()["items"]
    by_name = {each["name"]: each["id"] for each in tags}
    await both.todo.delete(f"{both.tasks}/{ids[0]}")
    await both.todo.patch(f"{both.tasks}/{ids[2]}/complete", json={"completed": True})
    await both.todo.delete(f"/api/{both.user_id}/tags/{by_name['tag 1']}")
    await both.todo.patch(f"/api/{both.user_id}/tags/{by_name['tag 2']}", json={"name": "renamed"})
    await both.todo.delete(f"{both.tasks}/{ids[1]}")
    await both.todo.post(f"{both.tasks}/{ids[1]}/restore")
    before = list(since)
    for limit in (200, 2):
        since = list(before)
        while True:
            todo, by_hand = await changes(both, since, limit=limit)
            assert by_hand == todo
            if not todo["has_more"]:
                break
    since = list(before)
    todo, _ = await changes(both, since)
    assert todo["deleted_task_ids"] == [ids[0]]
    assert todo["deleted_tag_ids"] == [by_name["tag 1"]]
    assert len(todo["tasks"]) == 2 + 2 + 2
