"""The page at `/` as a browser gets it."""

import pytest
from browser.accessibility import assert_accessible
from browser.service import Service
from browser.visitors import Visitors


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
async def test_axe_finds_nothing(visitors: Visitors, service: Service, color_scheme: str) -> None:
    page = await visitors.come(service.address, color_scheme=color_scheme)

    await assert_accessible(page)
