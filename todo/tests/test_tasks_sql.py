"""What one statement sees and writes, even with concurrent writes."""

import asyncio
import random
from typing import Any

import pytest
from httpx2 import AsyncClient
from staged import StagedAccount
from task_api import TaskAPI
from writes import Connection, until_somebody_waits


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


@pytest.mark.parametrize("seed", range(5))
async def test_no_two_states_of_a_task_share_a_revision(api: TaskAPI, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret is made of it
    task = await api.task()
    path = f"/tasks/{task['id']}"
    seen: dict[str, Any] = {}

    for number in range(40):
        tags = (await api.expect(200, "GET", "/tags"))["items"]
        tag = f"/tags/{chance.choice(tags)['id']}" if tags else None
        match chance.randrange(7), tag:
            case 0, _:
                await api.expect(200, "PATCH", path, json={"title": chance.choice("abc")})
            case 1, _:
                names = chance.sample(["a", "b", "c", "d"], chance.randrange(4))
                await api.expect(200, "PATCH", path, json={"tags": names})
            case 2, str():
                await api.expect(200, "PATCH", tag, json={"name": f"new {number}"})
            case 3, str():
                await api.expect(200, "PATCH", tag, json={"color": f"#00000{number % 10}"})
            case 4, str():
                await api.expect(204, "DELETE", tag)
            case 5, str():
                await api.expect(200, "PUT", f"{tag}{path}")
            case 6, str():
                await api.expect(200, "DELETE", f"{tag}{path}")
        shown = await api.expect(200, "GET", path)
        revision = shown.pop("etag")
        assert seen.setdefault(revision, shown) == shown

    assert len(seen) > 10


async def test_the_response_to_a_change_is_what_is_read_afterwards(api: TaskAPI) -> None:
    task = await api.task(tags=["a", "b"])
    path = f"/tasks/{task['id']}"
    spare = await api.tag("spare")
    changes = [
        ("PATCH", path, {"title": "new", "description": "new", "due_date": "2030-01-01T00:00:00Z"}),
        ("PATCH", path, {"description": None, "due_date": None, "priority": "urgent"}),
        ("PUT", path, {"title": "whole", "tags": ["B", "new"], "completed": True}),
        ("PATCH", f"{path}/complete", {"completed": False}),
        ("PATCH", path, {"tags": []}),
        ("PUT", f"/tags/{spare['id']}{path}", None),
        ("DELETE", f"/tags/{spare['id']}{path}", None),
    ]

    for method, address, body in changes:
        shown = await api.expect(200, method, address, json=body)
        assert await api.expect(200, "GET", path) == shown
        again = await api.expect(200, method, address, json=body)
        assert again == shown, "What changes nothing changes neither the version nor the time."


@pytest.mark.wellhead(commit=True)
async def test_a_change_that_waited_for_another_shows_both(
    api: TaskAPI, server: Connection
) -> None:
    task = await api.task(tags=["a"])
    tag = await api.tag("b")
    rival = server.transaction()
    await rival.start()
    await server.execute("UPDATE tasks SET version = version + 1")
    await server.execute("INSERT INTO task_tags VALUES ($1, $2)", task["id"], tag["id"])

    change = api.expect(200, "PATCH", f"/tasks/{task['id']}", json={"title": "new"})
    changing = asyncio.create_task(change)
    await until_somebody_waits(server)
    await rival.commit()

    shown = await changing
    assert (shown["title"], [tag["name"] for tag in shown["tags"]]) == ("new", ["a", "b"])
    assert shown == await api.expect(200, "GET", f"/tasks/{task['id']}")


@pytest.mark.wellhead(commit=True)
async def test_a_condition_that_another_change_breaks_while_it_waits_is_refused(
    api: TaskAPI, server: Connection
) -> None:
    for method, body in (("PATCH", {"tags": ["new"]}), ("DELETE", None)):
        task = await api.task()
        rival = server.transaction()
        await rival.start()
        await server.execute("UPDATE tasks SET version = version + 1 WHERE id = $1", task["id"])

        path = f"/tasks/{task['id']}"
        sent = api.send(method, path, json=body, if_match=task["etag"])
        sending = asyncio.create_task(sent)
        await until_somebody_waits(server)
        await rival.commit()

        assert (await sending).status_code == 412
        assert (await api.expect(200, "GET", "/tags"))["items"] == []


@pytest.mark.wellhead(commit=True)
async def test_a_tag_that_is_deleted_while_a_task_takes_it_is_made_again(
    api: TaskAPI, server: Connection
) -> None:
    tag = await api.tag("brief")
    task = await api.task()
    rival = server.transaction()
    await rival.start()
    await server.execute("DELETE FROM tags")

    requests = [
        asyncio.create_task(api.task("other", tags=["brief"])),
        asyncio.create_task(
            api.expect(200, "PATCH", f"/tasks/{task['id']}", json={"tags": ["brief"]})
        ),
    ]
    await until_somebody_waits(server)
    await rival.commit()

    shown = [await request for request in requests]
    (made,) = (await api.expect(200, "GET", "/tags"))["items"]
    assert made["id"] != tag["id"]
    assert [[tag["id"] for tag in task["tags"]] for task in shown] == [[made["id"]], [made["id"]]]
