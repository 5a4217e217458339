"""What the first visit costs: few bytes, and nothing that moves, which is printed."""

import sys

import pytest
from browser.first_load import measure
from browser.service import Service
from playwright.async_api import Browser

from todo.web.client import FOLDER

MOST_BYTES = 60_000


async def test_the_first_load_is_small_and_nothing_in_it_moves(
    chromium: Browser, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = await measure(chromium, service.address)

    with capsys.disabled():
        sys.stdout.write(f"\nThe client's first load: {loaded}\n")
    assert 0 < loaded.bytes < MOST_BYTES
    assert loaded.shifts == 0
    assert loaded.requests <= len([*FOLDER.rglob("*.js")]) + 4
