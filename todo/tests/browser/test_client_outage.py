"""Eight pages go on while everything behind them breaks."""

import asyncio
from collections import Counter

import asyncpg
import pytest
import pytest_asyncio
from browser.client import Client
from browser.findings import Findings
from browser.service import DatabaseServer, Service
from browser.visitors import SECONDS, Visitors
from httpx2 import AsyncClient
from playwright.async_api import expect
from staged import StagedAccount, make_account

from wellhead.testing.proxy import TCPProxy

BROWSERS = 4
TASKS = 6
# While there is no network, and while there is no database.
CHANGED = (2, 4)


class Progress:
    """How many tasks have been typed, by all pages together."""

    def __init__(self) -> None:
        self._typed = 0
        self._changed = asyncio.Condition()

    async def typed(self) -> None:
        async with self._changed:
            self._typed += 1
            self._changed.notify_all()

    async def reaches(self, number: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._typed >= number)


@pytest_asyncio.fixture(loop_scope="session")
async def own_person(breakable_service: Service) -> StagedAccount:
    """Somebody with an account on `breakable_service`."""
    async with AsyncClient(base_url=breakable_service.address, timeout=SECONDS) as api:
        return await make_account(api)


@pytest.mark.offline
async def test_nothing_is_lost_or_done_twice_while_the_database_dies_and_the_network_is_cut(
    own_person: StagedAccount,
    database_server: DatabaseServer,
    network: TCPProxy,
    visitors: Visitors,
    findings: Findings,
) -> None:
    findings.expect("net::ERR_", "status of (50.|4(04|09|12))")
    pages = []
    for _ in range(BROWSERS):
        page = await visitors.come(f"http://127.0.0.1:{network.port}")
        pages.append(await Client.of(page, own_person))
    pages += [await client.tab() for client in pages]
    progress = Progress()

    async def write(client: Client, name: str) -> None:
        for number in range(TASKS):
            await client.add(f"{name}, task {number}")
            if number in CHANGED:
                task_id = await client.act("createTask", {"title": f"{name}, draft {number}"})
                await client.act("changeTask", task_id, {"title": f"{name}, final {number}"})
                await client.act("completeTask", task_id, True)
            await progress.typed()

    async def break_everything() -> None:
        every = len(pages)
        await progress.reaches(every)
        await network.refuse()
        await network.reset_connections()
        await progress.reaches(2 * every)
        await network.accept()
        await progress.reaches(3 * every)
        await database_server.kill()
        await progress.reaches(4 * every)
        await database_server.start()
        await progress.reaches(5 * every)
        network.break_at(rb"POST /api/", passes=True)
        await network.cut()

    names = [f"Page {number}" for number in range(len(pages))]
    await asyncio.gather(break_everything(), *map(write, pages, names))
    for client in pages:
        await client.act("retryNow")
        await client.is_saved()
        assert (await client.state())["refusals"] == []

    titles = Counter(
        f"{name}, {kind} {number}"
        for name in names
        for number in range(TASKS)
        for kind in (("task", "final") if number in CHANGED else ("task",))
    )
    connection = await asyncpg.connect(database_server.url)
    rows = await connection.fetch(
        "SELECT title, completed_at IS NOT NULL AS done FROM tasks WHERE user_id = $1",
        own_person.id,
    )
    await connection.close()
    assert Counter(row["title"] for row in rows) == titles
    assert all(row["done"] == ("final" in row["title"]) for row in rows)
    for client in pages:
        await client.come_back()
        await client.until("state.tasks.size === given", len(rows))
        assert Counter(await client.titles()) == titles


@pytest.mark.offline
async def test_a_person_is_told_of_an_outage_and_of_its_end(
    breakable_service: Service,
    own_person: StagedAccount,
    database_server: DatabaseServer,
    visitors: Visitors,
    findings: Findings,
) -> None:
    findings.expect("net::ERR_", "status of 503")
    client = await Client.of(await visitors.come(breakable_service.address), own_person)

    await database_server.stop()
    await client.add("Typed during the outage")
    await client.until("state.connection.state === 'waiting'")

    state = await client.state()
    assert state["connection"]["reason"] == "unavailable"
    await expect(client.page.get_by_role("status").filter(has_text="kept here")).to_be_visible()

    await database_server.start()
    await client.is_saved()
    await expect(client.page.get_by_text("Everything is saved").first).to_be_attached()
