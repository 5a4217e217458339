"""What one account exports, another one imports, and it is the same."""

import json
from typing import Any

import pytest
from httpx2 import AsyncClient
from staged import StagedAccount
from task_api import Json, TaskAPI

from todo.tasks.models import STORED
from todo.transfer import exporting
from todo.transfer.importing import values_of
from todo.transfer.schemas import ImportWrite

CHANGED_BY_A_JOURNEY = {"id", "etag"}


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


@pytest.fixture
def other(client: AsyncClient, other_account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, other_account)


async def fill(api: TaskAPI) -> None:
    await api.tag("on nothing", color="#00ff00")
    await api.task('Quoted "title", ünïcödé', description="two\nlines", tags=["a", "B"])
    await api.task("on a day", due_date="2030-01-31", priority="urgent")
    await api.task("at a time", due_date="2030-01-31T17:00:00.000001Z", completed=True, tags=["a"])


async def export(api: TaskAPI) -> Json:
    return await api.expect(200, "GET", "/export")


async def import_(api: TaskAPI, document: Json) -> Json:
    return await api.expect(200, "POST", "/import", json=document)


def comparable(document: Json) -> Json:
    def stripped(each: Json) -> Json:
        return {
            name: [stripped(tag) for tag in value] if name == "tags" else value
            for name, value in each.items()
            if name not in CHANGED_BY_A_JOURNEY
        }

    return {
        "tags": sorted((tag["name"], tag["color"]) for tag in document["tags"]),
        "tasks": sorted((stripped(task) for task in document["tasks"]), key=lambda t: t["title"]),
    }


async def test_an_export_has_everything_as_lists_show_it(api: TaskAPI) -> None:
    await fill(api)

    document = await export(api)

    tasks = (await api.expect(200, "GET", "/tasks"))["items"]
    assert {task["id"]: task for task in document["tasks"]} == {each["id"]: each for each in tasks}
    assert [tag["name"] for tag in document["tags"]] == ["on nothing", "a", "B"]
    assert (document["version"], document["user_id"]) == (1, str(api.account.id))


async def test_an_empty_account_has_an_empty_export(api: TaskAPI) -> None:
    document = await export(api)

    assert (document["tags"], document["tasks"]) == ([], [])
    assert await import_(api, document) == {
        "tasks_created": 0,
        "tasks_unchanged": 0,
        "tags_created": 0,
    }


async def test_an_export_that_another_account_imports_and_exports_is_the_same(
    api: TaskAPI, other: TaskAPI
) -> None:
    await fill(api)
    document = await export(api)

    answer = await import_(other, document)
    again = await import_(other, document)

    assert answer == {"tasks_created": 3, "tasks_unchanged": 0, "tags_created": 3}
    assert again == {"tasks_created": 0, "tasks_unchanged": 3, "tags_created": 0}
    theirs = await export(other)
    assert comparable(theirs) == comparable(document)
    assert {task["id"] for task in theirs["tasks"]}.isdisjoint(
        task["id"] for task in document["tasks"]
    )
    assert await other.titles(q="unicode") == ['Quoted "title", ünïcödé']


async def test_ones_own_export_changes_nothing_and_brings_back_what_was_deleted(
    api: TaskAPI,
) -> None:
    await fill(api)
    document = await export(api)
    first, second, _ = document["tasks"]
    await api.expect(204, "DELETE", f"/tasks/{first['id']}")
    await api.expect(200, "PATCH", f"/tasks/{second['id']}", json={"title": "newer"})

    answer = await import_(api, document)

    assert answer == {"tasks_created": 1, "tasks_unchanged": 2, "tags_created": 0}
    back = await api.expect(200, "GET", f"/tasks/{first['id']}")
    assert {**back, "etag": None} == {**first, "etag": None}
    assert back["etag"] != first["etag"]
    assert (await api.expect(200, "GET", f"/tasks/{second['id']}"))["title"] == "newer"
    await api.expect(204, "DELETE", f"/tasks/{first['id']}")
    await api.expect(200, "POST", f"/tasks/{first['id']}/restore")


async def test_a_tag_is_found_by_its_id_and_else_by_its_name(api: TaskAPI) -> None:
    task = await api.task(tags=["renamed", "same"])
    document = await export(api)
    renamed, _ = task["tags"]
    await api.expect(200, "PATCH", f"/tags/{renamed['id']}", json={"name": "new name"})
    await api.tag("renamed")
    await api.expect(204, "DELETE", f"/tasks/{task['id']}")

    await import_(api, document)

    back = await api.expect(200, "GET", f"/tasks/{task['id']}")
    assert [tag["name"] for tag in back["tags"]] == ["new name", "same"]


async def test_a_forged_export_gets_no_task_of_others(api: TaskAPI, other: TaskAPI) -> None:
    live, deleted = await other.task("theirs"), await other.task("theirs, deleted")
    await other.expect(204, "DELETE", f"/tasks/{deleted['id']}")
    forged = {
        "version": 1,
        "user_id": str(api.account.id),
        "tasks": [{"id": each["id"], "title": "mine"} for each in (live, deleted)],
    }

    answer = await import_(api, forged)

    assert answer["tasks_created"] == 2
    assert await api.titles() == ["mine", "mine"]
    assert await other.expect(200, "GET", f"/tasks/{live['id']}") == live
    assert (await other.expect(200, "POST", f"/tasks/{deleted['id']}/restore"))["tags"] == []


async def test_a_task_without_an_id_is_new_each_time(api: TaskAPI) -> None:
    document = {"version": 1, "tasks": [{"title": "new"}]}

    for _ in range(2):
        await import_(api, document)

    assert await api.titles() == ["new", "new"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": 2}, "body.version"),
        ({"tasks": [{"title": "x"}] * 3 + [{"title": ""}]}, "body.tasks.3.title"),
        ({"tasks": [{"title": "x", "colour": "red"}]}, "body.tasks.0.colour"),
        ({"tasks": [{"title": "x", "position": "0"}]}, "body.tasks.0.position"),
        ({"tasks": [{"title": "x", "created_at": "yesterday"}]}, "body.tasks.0.created_at"),
        ({"tasks": [{"title": "x", "tags": [{"name": ""}]}]}, "body.tasks.0.tags.0.name"),
        ({"tasks": [{"title": "x"}] * 5001}, "body.tasks"),
        (
            {"tasks": [{"title": "x", "id": "0191b3f0-0000-7000-8000-000000000000"}] * 2},
            "body.tasks",
        ),
        ({"tags": [{"name": "x", "color": "red"}]}, "body.tags.0.color"),
    ],
)
async def test_what_is_no_export_is_refused_and_leaves_nothing(
    api: TaskAPI, change: Json, field: str
) -> None:
    faults = await api.field_faults("POST", "/import", json={"version": 1, **change})

    assert list(faults) == [field]
    assert await api.titles() == []


async def test_the_same_key_imports_once(api: TaskAPI) -> None:
    request: dict[str, Any] = {
        "json": {"version": 1, "tasks": [{"title": "new"}]},
        "headers": {"Idempotency-Key": "x"},
    }

    answers = [await api.send("POST", "/import", **request) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert await api.titles() == ["new"]


async def test_a_large_export_is_complete(api: TaskAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "IN_MEMORY", 1000)
    monkeypatch.setattr(exporting, "CHUNK", 777)
    tasks = [{"title": f"{number}", "description": "ä" * 500} for number in range(600)]
    await import_(api, {"version": 1, "tasks": tasks})

    answer = await api.send("GET", "/export")

    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert sorted(int(task["title"]) for task in answer.json()["tasks"]) == list(range(600))


def test_an_import_writes_every_column(api: TaskAPI) -> None:
    document = ImportWrite.model_validate({"version": 1, "tasks": [{"title": "x"}]})
    values = values_of(document, owner_id=api.account.id)
    (row,) = json.loads(values["tasks"])

    assert {each.name for each in STORED} <= row.keys()
