"""Changes to tasks that meet each other, and the deletion of old ones."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlmodel import col, select
from staged import StagedAccount
from task_api import TaskAPI

from todo.demo import seed_demo
from todo.main import passwords_of
from todo.settings import Settings
from todo.tasks import service
from todo.tasks.models import Task
from todo.text import fold_words
from wellhead import Database


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


async def test_of_many_changes_on_one_etag_exactly_one_is_made(api: TaskAPI) -> None:
    task = await api.task("old")
    answers = await asyncio.gather(
        *(
            api.send("PATCH", f"/tasks/{task['id']}", json={"title": f"{n}"}, if_match=task["etag"])
            for n in range(8)
        )
    )
    winners = [answer.json()["title"] for answer in answers if answer.status_code == 200]
    now = await api.expect(200, "GET", f"/tasks/{task['id']}")

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    assert winners == [now["title"]]


async def test_changes_of_different_fields_without_a_condition_all_stay(api: TaskAPI) -> None:
    task = await api.task("old")
    path = f"/tasks/{task['id']}"
    changes = [{"title": "new"}, {"description": "new"}, {"priority": "low"}, {"tags": ["new"]}]
    await asyncio.gather(*(api.expect(200, "PATCH", path, json=change) for change in changes))
    now = await api.expect(200, "GET", path)

    assert (now["title"], now["description"], now["priority"]) == ("new", "new", "low")
    assert [tag["name"] for tag in now["tags"]] == ["new"]


async def test_the_same_new_tag_in_many_tasks_at_once_is_made_once(api: TaskAPI) -> None:
    names = ["Alpha", "beta", "GAMMA"]
    spellings = [[name.upper(), name.lower()][number % 2] for number, name in enumerate(names * 4)]
    made = await asyncio.gather(
        *(
            api.task(f"{number}", tags=[*spellings[number:], *spellings[:number]])
            for number in range(8)
        )
    )
    tags = (await api.expect(200, "GET", "/tags"))["items"]

    assert [(tag["name"].lower(), tag["task_count"]) for tag in tags] == [
        ("alpha", 8),
        ("beta", 8),
        ("gamma", 8),
    ]
    assert {tag["id"] for task in made for tag in task["tags"]} == {tag["id"] for tag in tags}


async def test_tags_put_on_and_taken_off_at_once_leave_the_task_whole(api: TaskAPI) -> None:
    task = await api.task(tags=["a", "b"])
    tags = [await api.tag(f"new {number}") for number in range(4)]
    path = f"/tasks/{task['id']}"
    await asyncio.gather(
        *(api.expect(200, "PUT", f"/tags/{tag['id']}{path}") for tag in tags),
        *(api.expect(200, "DELETE", f"/tags/{tag['id']}{path}") for tag in task["tags"]),
    )
    now = await api.expect(200, "GET", path)

    assert [tag["name"] for tag in now["tags"]] == [tag["name"] for tag in tags]


async def test_a_tag_that_is_deleted_while_a_task_takes_it_breaks_nothing(api: TaskAPI) -> None:
    for number in range(5):
        tag = await api.tag("brief")
        answers = await asyncio.gather(
            api.send("POST", "/tasks", json={"title": f"{number}", "tags": ["brief"]}),
            api.send("DELETE", f"/tags/{tag['id']}"),
        )
        assert [answer.status_code for answer in answers] == [201, 204]
        for left in (await api.expect(200, "GET", "/tags"))["items"]:
            await api.expect(204, "DELETE", f"/tags/{left['id']}")


async def test_a_task_that_is_deleted_while_it_is_changed_is_changed_or_gone(api: TaskAPI) -> None:
    for _ in range(5):
        task = await api.task(tags=["a"])
        path = f"/tasks/{task['id']}"
        changed, deleted = await asyncio.gather(
            api.send("PUT", path, json={"title": "new", "tags": ["b"]}), api.send("DELETE", path)
        )
        assert changed.status_code in {200, 404}
        assert deleted.status_code == 204
        assert (await api.send("GET", path)).status_code == 404


async def test_a_failed_change_leaves_no_tag_behind(api: TaskAPI) -> None:
    task = await api.task()
    await api.expect(
        412, "PATCH", f"/tasks/{task['id']}", json={"tags": ["new"]}, if_match='"other"'
    )

    assert (await api.expect(200, "GET", "/tags"))["items"] == []


async def test_only_what_was_completed_before_is_deleted_and_the_oldest_first(
    api: TaskAPI, database: Database
) -> None:
    now = datetime.now(UTC)
    for title, age in {"oldest": 3, "older": 2, "recent": 0}.items():
        task = await api.task(title, completed=True)
        async with database.session() as session:
            row = await session.get_one(Task, task["id"])
            row.completed_at = now - timedelta(days=age)
    await api.task("open")

    async with database.session() as session:
        assert await service.delete_completed(session, before=now - timedelta(days=1), batch=1) == 1
    assert await api.titles(sort="title") == ["older", "open", "recent"]
    async with database.session() as session:
        assert await service.delete_completed(session, before=now - timedelta(days=1)) == 1
    assert await api.titles(sort="title") == ["open", "recent"]


@pytest.mark.wellhead(commit=True)
async def test_the_deletion_of_old_tasks_does_not_wait_for_one_that_is_being_changed(
    api: TaskAPI, database: Database
) -> None:
    busy = await api.task("busy", completed=True)
    await api.task("idle", completed=True)
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    async with database.session() as session:
        held = select(Task).where(col(Task.id) == busy["id"]).with_for_update()
        await session.exec(held)
        async with database.session() as cleaning:
            assert await service.delete_completed(cleaning, before=tomorrow) == 1
    assert await api.titles() == ["busy"]


async def test_every_write_keeps_the_folded_words_true(
    api: TaskAPI, database: Database, settings: Settings
) -> None:
    texts = {"title": "Brötchen, ÉTÉ!", "description": "Zwei\nStück"}
    task = await api.task(**texts)
    await api.task(**texts, key="once")
    path = f"/tasks/{task['id']}"
    changes: list[tuple[str, str, Any]] = [
        ("PATCH", path, {"title": "Łódź"}),
        ("PATCH", path, {"description": "Ελλάδα"}),
        ("PATCH", path, {"description": None, "tags": ["Ö"]}),
        ("PUT", path, {"title": "İstanbul", "description": "ß"}),
        ("PATCH", f"{path}/complete", {}),
        ("PATCH", f"{path}/position", {"to": "last"}),
        ("DELETE", path, None),
        ("POST", f"{path}/restore", None),
    ]
    await seed_demo(database, passwords_of(settings))

    for method, address, body in changes:
        answer = await api.send(method, address, json=body)
        assert answer.is_success, answer.text
        async with database.session() as session:
            stored = (await session.exec(select(Task))).all()
        for each in stored:
            assert each.title_folded == fold_words(each.title)
            assert each.description_folded == (
                None if each.description is None else fold_words(each.description)
            )
