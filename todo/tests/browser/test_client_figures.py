"""What the first load and an interaction cost, as counts: `make bench-client` tells all of them."""

import pytest_asyncio
from browser.service import Service
from httpx2 import AsyncClient
from playwright.async_api import Browser
from staged import make_account

from bench.todo_client.scenes import Scenes, fill, play

MOST_BYTES = 60_000
"""Of a load, compressed; 2,000 tasks are more."""
MOST_LOADED = 64
MOST_NODES = 2_000
"""In the document, with 2,000 tasks: only those near the window are there."""

SENT = {"Add a task", "Complete one"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scenes(chromium: Browser, service: Service) -> Scenes:
    """Somebody visits the client for the first time, logs in, and uses it."""
    async with AsyncClient(base_url=service.address, timeout=None) as api:
        person = await make_account(api)
        await fill(api, person.access_token)
    return await play(chromium, service.address, email=person.email, password=person.password)


async def test_nothing_moves_by_itself(scenes: Scenes) -> None:
    counted = {**scenes.loads, **scenes.interactions}

    assert {name: counts.shifts for name, counts in counted.items()} == dict.fromkeys(counted, 0)


async def test_a_load_is_small(scenes: Scenes) -> None:
    first, login, again = scenes.loads.values()

    assert all(0 < each.requests <= MOST_LOADED for each in (first, login, again))
    assert 0 < first.bodies < MOST_BYTES
    assert again.bodies < MOST_BYTES
    assert login.bodies < 1_000_000


async def test_an_interaction_sends_a_change_and_nothing_else(scenes: Scenes) -> None:
    requests = {name: counts.requests for name, counts in scenes.interactions.items()}

    assert requests == {name: int(name in SENT) for name in requests}
    assert all(counts.sent < 2_000 for counts in scenes.interactions.values())
    assert all(counts.received < 2_000 for counts in scenes.interactions.values())


async def test_an_interaction_draws_what_is_near_the_window(scenes: Scenes) -> None:
    once = {
        name: each for name, each in scenes.interactions.items() if not name.startswith("Scroll")
    }

    assert all(0 < each.rows <= 60 for each in once.values())
    assert all(0 < each.touched < MOST_NODES for each in once.values())
    assert all(each.nodes < MOST_NODES for each in scenes.interactions.values())
