"""Two workers of uvicorn: the page and the metrics show both, whichever is asked."""

import os
import re
import signal
from collections import Counter
from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.staging.patience import SECONDS, until
from tests.staging.working_together import Uvicorn, uvicorn

pytestmark = pytest.mark.slow

ENOUGH = 20
"""Connections after which each of the two workers has got some."""


async def ask(server: Uvicorn, path: str) -> Any:
    """On a new connection, which one worker or the other gets."""
    async with AsyncClient(base_url=server.address, timeout=SECONDS) as client:
        return (await client.get(path)).raise_for_status()


async def value(server: Uvicorn, metric: str) -> float:
    text = (await ask(server, "/metrics")).text
    return float(re.findall(rf"^{re.escape(metric)} (\S+)$", text, re.MULTILINE)[0])


async def test_both_are_shown_and_a_counter_never_goes_back(database_url: str) -> None:
    with uvicorn(2, DATABASE_URL=database_url) as server:
        await until(lambda: server.starts == 2)
        for _ in range(ENOUGH):
            await ask(server, "/found")
        pages = [(await ask(server, "/db/figures")).json() for _ in range(ENOUGH)]
        sums = [
            await value(server, 'wellhead_pool_hold_seconds_count{database="default"}')
            for _ in range(ENOUGH)
        ]
        os.kill(server.workers[0], signal.SIGKILL)
        await until(lambda: server.starts == 3)
        after = [
            await value(server, 'wellhead_pool_hold_seconds_count{database="default"}')
            for _ in range(ENOUGH)
        ]
        page = (await ask(server, "/db/figures")).json()

    how = "2 workers of this machine, by Unix sockets"
    assert Counter(str(each["processes"]) for each in (*pages, page)) == {
        str({"expected": 2, "answered": 2, "how": how}): ENOUGH + 1
    }
    # Each worker opened one connection by itself.
    assert {each["databases"][0]["pool"]["acquired"] for each in pages} == {ENOUGH + 2}
    assert set(sums) == {ENOUGH + 2}
    assert set(after) == {ENOUGH + 3}
