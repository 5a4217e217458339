"""The modules in a page are of one version, whatever is released, and whatever fails."""

import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from browser.findings import Findings
from browser.releases import UNTIL_STORED, Releases, forget
from browser.visitors import Visitors
from playwright.async_api import Page

from tests.staging.server import serve
from todo.web import client

pytestmark = pytest.mark.offline


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Releases:
    """The client in its first version, `one`."""
    releases = Releases(tmp_path / "client")
    releases.release("one")
    monkeypatch.setattr(client, "FOLDER", tmp_path / "client")
    return releases


@pytest_asyncio.fixture(loop_scope="session")
async def address(releases: Releases) -> AsyncIterator[str]:
    """Where it is served."""
    async with serve(releases.app) as address:
        yield address
    forget()


async def versions_in(page: Page) -> set[str]:
    """Those of the modules in a page, which has all of them then."""
    await page.get_by_label("E-mail address").fill("a")
    return set(await page.evaluate("clientModule('views/inside').then(() => [...ran])"))


@pytest.mark.parametrize("left", [3, 30])
async def test_the_network_dies_while_a_new_version_is_loaded(
    releases: Releases, address: str, visitors: Visitors, findings: Findings, left: int
) -> None:
    findings.expect("status of 503", "fetching the script", "addAll")
    page = await visitors.come(address)
    await page.evaluate(UNTIL_STORED, client.version())

    releases.release("two")
    releases.left = left
    await page.reload()
    first = await versions_in(page)
    releases.left = 0
    await page.reload()
    without_network = await versions_in(page)
    releases.left = math.inf
    await page.reload()
    again = await versions_in(page)
    await page.evaluate(UNTIL_STORED, client.version())
    await page.reload()
    last = await versions_in(page)

    assert [len(each) for each in (first, without_network, again)] == [1, 1, 1]
    assert last == {"two"}


async def test_a_page_of_which_the_service_has_no_version_any_more_loads_itself_again(
    releases: Releases, address: str, visitors: Visitors, findings: Findings
) -> None:
    findings.expect("status of 404", "blocked by Playwright")
    page = await visitors.come(address, service_workers="block")
    releases.release("two")

    async with page.expect_event("load"):
        await page.get_by_label("E-mail address").fill("a")

    assert await versions_in(page) == {"two"}
