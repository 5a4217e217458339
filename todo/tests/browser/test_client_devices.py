"""Two devices of one person: each sees what the other did, and neither overwrites the other."""

from dataclasses import replace

import pytest
from browser.client import Client
from browser.findings import Findings
from playwright.async_api import Page, Response
from staged import StagedAccount
from task_api import TaskAPI

from todo.sync.token import Since


async def test_a_second_device_is_followed_by_what_has_changed_only(
    page: Page, person: StagedAccount, device: TaskAPI
) -> None:
    made = [await device.task(f"Task {number}") for number in range(3)]
    client = await Client.of(page, person)
    tab = await client.tab()
    changes: list[Response] = []
    page.context.on(
        "response", lambda reply: changes.append(reply) if "/changes" in reply.url else None
    )

    await device.expect(200, "PATCH", f"/tasks/{made[0]['id']}", json={"title": "New"})
    await device.expect(204, "DELETE", f"/tasks/{made[1]['id']}")
    await client.come_back()
    for each in (client, tab):
        await each.until(
            "[...state.tasks.values()].map((t) => t.title).sort().join() === given", "New,Task 2"
        )

    assert all("since=" in reply.url for reply in changes)
    read = [await reply.json() for reply in changes]
    assert {task["title"] for each in read for task in each["tasks"]} == {"New"}
    assert {task_id for each in read for task_id in each["deleted_task_ids"]} == {made[1]["id"]}


async def conflicting(client: Client, device: TaskAPI, theirs: object, mine: object) -> str:
    """A task that both devices have changed, while this one was offline; None deletes it."""
    task = await device.task("Before", tags=["both"])
    path = f"/tasks/{task['id']}"
    await client.come_back()
    await client.until("state.tasks.has(given)", task["id"])
    await client.page.context.set_offline(True)
    if theirs is None:
        await device.expect(204, "DELETE", path)
    else:
        await device.expect(200, "PATCH", path, json=theirs)
    if mine is None:
        await client.act("deleteTask", task["id"])
    else:
        await client.act("changeTask", task["id"], mine)
    await client.page.context.set_offline(False)
    await client.is_saved()
    return str(task["id"])


@pytest.fixture(autouse=True)
def expected(findings: Findings) -> None:
    """The network is cut here, and the server refuses what comes too late."""
    findings.expect("net::ERR_", "status of 4(04|10|12)")


async def test_changes_of_other_fields_are_both_kept_without_a_question(
    page: Page, person: StagedAccount, device: TaskAPI
) -> None:
    client = await Client.of(page, person)

    task_id = await conflicting(
        client,
        device,
        {"priority": "high", "tags": ["both", "theirs"]},
        {"title": "Mine", "tags": ["both", "mine"]},
    )

    task = await device.expect(200, "GET", f"/tasks/{task_id}")
    assert (task["title"], task["priority"]) == ("Mine", "high")
    assert [tag["name"] for tag in task["tags"]] == ["both", "mine", "theirs"]
    assert (await client.state())["conflicts"] == []


@pytest.mark.parametrize(("choice", "title"), [("mine", "Mine"), ("theirs", "Theirs")])
async def test_two_changes_of_one_field_are_both_shown_and_the_person_decides(
    page: Page, person: StagedAccount, device: TaskAPI, choice: str, title: str
) -> None:
    client = await Client.of(page, person)

    task_id = await conflicting(client, device, {"title": "Theirs"}, {"title": "Mine"})
    (conflict,) = (await client.state())["conflicts"]
    shown = (conflict["mine"]["title"], conflict["theirs"]["title"])
    await client.page.reload()
    await client.until("state.conflicts.length === 1")
    await client.settle(choice)
    await client.until("state.conflicts.length === 0")
    await client.is_saved()

    assert shown == ("Mine", "Theirs")
    task = await device.expect(200, "GET", f"/tasks/{task_id}")
    assert task["title"] == title


async def test_what_was_typed_into_a_task_that_was_deleted_elsewhere_is_created_again_once(
    page: Page, person: StagedAccount, device: TaskAPI
) -> None:
    client = await Client.of(page, person)

    await conflicting(client, device, None, {"description": "Mine"})
    (conflict,) = (await client.state())["conflicts"]
    assert (conflict["mine"], conflict["theirs"]) == ({"description": "Mine"}, None)
    tab = await client.tab()
    await tab.keep_conflicts()
    for each in (client, tab):
        await each.settle("mine")
    await tab.until("state.conflicts.length === 0")
    await tab.is_saved()

    (task,) = (await device.expect(200, "GET", "/tasks"))["items"]
    assert (task["title"], task["description"]) == ("Before", "Mine")


async def test_a_task_that_was_changed_elsewhere_is_not_deleted_without_a_question(
    page: Page, person: StagedAccount, device: TaskAPI
) -> None:
    client = await Client.of(page, person)

    await conflicting(client, device, {"title": "Theirs"}, None)
    (conflict,) = (await client.state())["conflicts"]
    assert (conflict["operation"]["kind"], conflict["theirs"]["title"]) == ("delete", "Theirs")
    assert await client.titles() == ["Theirs"]
    await client.settle("mine")
    await client.until("state.conflicts.length === 0")
    await client.is_saved()

    assert (await device.expect(200, "GET", "/tasks"))["items"] == []


async def test_after_the_database_was_restored_everything_is_read_again(
    page: Page, person: StagedAccount
) -> None:
    client = await Client.of(page, person)
    await client.add("Kept")
    await client.is_saved()
    stored = await client.stored()
    (since,) = [value for value in stored["meta"] if isinstance(value, str) and len(value) > 40]
    forgotten = {**stored["tasks"][0], "id": "00000000-0000-4000-8000-000000000000"}
    await client.page.evaluate(
        """async (patch) => {
          const { commit } = await clientModule("replica");
          await commit(patch);
        }""",
        {
            "account": str(person.id),
            "tasks": [forgotten],
            "since": in_another_history(since),
        },
    )
    await client.until("state.tasks.size === 2")

    await client.come_back()
    await client.until("state.tasks.size === 1")

    assert await client.titles() == ["Kept"]


def in_another_history(since: str) -> str:
    """The same token, of the database before it was restored."""
    return replace(Since.decode(since), history="0" * 32).encode()
