"""Nothing that was typed is lost, and nothing is done twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from browser.client import Client
from browser.findings import Findings
from browser.service import Service
from browser.visitors import HOME, MODULE, Visitors
from playwright.async_api import Browser, Error, Page, Request
from staged import StagedAccount
from task_api import TaskAPI

from bench.todo_client.chromium import launching
from wellhead.testing.proxy import TCPProxy

NO_NETWORK = "net::ERR_"


@pytest_asyncio.fixture(loop_scope="session")
async def line(service: Service) -> AsyncIterator[TCPProxy]:
    """A network in front of the shared service that the test may break."""
    async with TCPProxy("127.0.0.1", service.port) as line:
        yield line


@pytest.mark.offline
async def test_what_is_typed_without_a_network_is_kept_over_a_reload_and_sent(
    page: Page, person: StagedAccount, device: TaskAPI, findings: Findings
) -> None:
    findings.expect(NO_NETWORK)
    client = await Client.of(page, person)
    await page.evaluate("() => navigator.serviceWorker.ready")
    await page.reload()
    await page.context.set_offline(True)
    for number in range(3):
        await client.add(f"Task {number}")
    await client.until("state.connection.state === 'waiting'")

    await page.reload()
    await client.until("state.phase === 'in'")

    state = await client.state()
    assert state["queued"] == 3
    assert await client.titles() == ["Task 0", "Task 1", "Task 2"]
    assert sorted(await device.titles()) == []

    await page.context.set_offline(False)
    await client.is_saved()

    assert sorted(await device.titles()) == ["Task 0", "Task 1", "Task 2"]


async def test_what_is_typed_in_the_moment_of_a_reload_is_kept(
    page: Page, person: StagedAccount, device: TaskAPI
) -> None:
    client = await Client.of(page, person)

    async with page.expect_navigation():
        await page.evaluate(
            """async () => {
              const { createTask } = await clientModule("actions");
              const { write } = await clientModule("drafts");
              setTimeout(() => {
                for (let i = 0; i < 9; i += 1) createTask({ title: `Task ${i}` });
                write("a form", { title: "half of a title" });
                location.reload();
              });
            }"""
        )
    await client.is_saved()

    assert sorted(await device.titles()) == [f"Task {number}" for number in range(9)]
    assert await client.call("drafts", "read", "a form") == {"title": "half of a title"}


async def test_what_is_typed_outlives_a_killed_browser(
    chromium: Browser,
    service: Service,
    person: StagedAccount,
    device: TaskAPI,
    tmp_path: Path,
) -> None:
    launch = chromium.browser_type.launch_persistent_context
    options = {**HOME, **launching(), "base_url": service.address}
    context = await launch(tmp_path, **options)
    await context.add_init_script(MODULE)
    (page,) = context.pages
    await page.goto("/")
    client = await Client.of(page, person)
    await context.set_offline(True)
    for number in range(3):
        await client.add(f"Task {number}")
    await client.call("drafts", "write", "a form", {"title": "half of a title"})
    # Reads after what is being written, so that it is written then.
    await client.call("storage", "task", "none")
    await client.stored()
    async with context.expect_event("close"):
        killing = await context.new_cdp_session(page)
        with suppress(Error):
            await killing.send("Browser.crash")

    context = await launch(tmp_path, **options)
    await context.add_init_script(MODULE)
    page = await context.new_page()
    await page.goto("/")
    client = Client(page)
    await client.is_saved()

    assert await client.call("drafts", "read", "a form") == {"title": "half of a title"}
    assert sorted(await device.titles()) == ["Task 0", "Task 1", "Task 2"]
    await context.close()


async def test_a_new_tab_takes_over_what_was_typed_in_a_closed_one_but_not_in_an_open_one(
    page: Page, person: StagedAccount
) -> None:
    client = await Client.of(page, person)
    closed, kept = await client.tab(), await client.tab()
    await closed.call("drafts", "write", "a form", {"title": "closed"})
    await kept.call("drafts", "write", "another form", {"title": "open"})
    await closed.page.close()

    taker = await client.tab()

    assert await taker.call("drafts", "read", "a form") == {"title": "closed"}
    assert await taker.call("drafts", "read", "another form") is None
    assert await kept.call("drafts", "read", "another form") == {"title": "open"}


async def test_a_lost_response_is_asked_for_again_and_nothing_is_done_twice(
    visitors: Visitors,
    line: TCPProxy,
    person: StagedAccount,
    device: TaskAPI,
    findings: Findings,
) -> None:
    findings.expect(NO_NETWORK, "status of 4(04|12)")
    client = await Client.of(await visitors.come(f"http://127.0.0.1:{line.port}"), person)
    lost = [
        line.break_at(pattern, passes=True)
        for pattern in (
            rb"POST /api/\S+/tasks ",
            rb"PATCH /api/\S+/tasks/\S+ ",
            rb"PATCH /api/\S+/complete ",
            rb"POST /api/\S+/tags ",
            rb"POST /api/\S+/bulk ",
            rb"DELETE /api/\S+/tasks/\S+ ",
            rb"POST /api/\S+/restore ",
        )
        # Chromium itself sends a request again if the connection had been used before.
        for _ in range(2)
    ]

    task_id = await client.act("createTask", {"title": "Milk", "tags": ["shop"]})
    await client.act("changeTask", task_id, {"title": "Oat milk", "tags": ["shop", "home"]})
    await client.act("completeTask", task_id, True)
    await client.act("createTag", "work", "#ff0000")
    await client.act("bulk", "reopen", (await client.state())["tasks"])
    (task,) = (await client.state())["tasks"]
    await client.act("deleteTask", task_id)
    await client.act("restoreTasks", [task])
    for event in lost:
        while not event.is_set():
            await client.act("retryNow")
            await asyncio.wait([asyncio.create_task(event.wait())], timeout=0.1)
    await client.act("retryNow")
    await client.is_saved()

    state = await client.state()
    assert (state["conflicts"], state["refusals"]) == ([], [])
    exported = await device.expect(200, "GET", "/export")
    assert [(row["title"], row["completed"]) for row in exported["tasks"]] == [("Oat milk", False)]
    assert sorted(tag["name"] for tag in exported["tags"]) == ["home", "shop", "work"]


async def test_two_tabs_that_write_at_once_do_everything_once_and_show_the_same(
    page: Page, person: StagedAccount, device: TaskAPI
) -> None:
    one = await Client.of(page, person)
    other = await one.tab()
    posts: list[str] = []

    def hear(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/tasks"):
            posts.append(request.headers["idempotency-key"])

    page.context.on("request", hear)
    expected = sorted(f"{tab} {number}" for tab in ("one", "other") for number in range(5))

    async def write(client: Client, name: str) -> None:
        for number in range(5):
            await client.add(f"{name} {number}")

    await asyncio.gather(write(one, "one"), write(other, "other"))
    for client in (one, other):
        await client.until("state.tasks.size === 10 && state.queued === 0")
        assert await client.titles() == expected

    assert sorted(await device.titles()) == expected
    assert len(posts) == len(set(posts)) == 10


async def test_a_refused_task_is_kept_with_what_was_typed_into_it_later(
    page: Page, person: StagedAccount, device: TaskAPI, findings: Findings
) -> None:
    findings.expect("status of 422", NO_NETWORK)
    client = await Client.of(page, person)
    await page.context.set_offline(True)
    task_id = await client.act("createTask", {"title": "x" * 201})
    await client.act("changeTask", task_id, {"description": "typed later"})
    await client.act("completeTask", task_id, True)
    await client.add("Another")
    await page.context.set_offline(False)
    await client.is_saved()

    (refusal,) = (await client.state())["refusals"]
    assert refusal["operation"]["body"]["description"] == "typed later"
    assert "200" in refusal["detail"]
    assert sorted(await device.titles()) == ["Another"]


async def test_where_the_page_is_no_secure_context_tabs_still_take_turns(
    visitors: Visitors, service: Service, person: StagedAccount, device: TaskAPI
) -> None:
    page = await visitors.come(service.address)
    await page.context.add_init_script(
        "delete Navigator.prototype.locks; delete Navigator.prototype.serviceWorker;"
        "delete Crypto.prototype.randomUUID"
    )
    await page.reload()
    one = await Client.of(page, person)
    other = await one.tab()

    await asyncio.gather(*[client.add(f"Task {n}") for n, client in enumerate((one, other))])
    for client in (one, other):
        await client.until("state.tasks.size === 2 && state.queued === 0")

    assert sorted(await device.titles()) == ["Task 0", "Task 1"]
