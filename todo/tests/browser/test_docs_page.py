"""`/docs` and the page for errors, in a browser."""

import pytest
from browser.accessibility import assert_accessible
from browser.findings import Findings
from browser.service import Service
from browser.visitors import Visitors
from playwright.async_api import expect

BACKGROUND = "() => getComputedStyle(document.documentElement).backgroundColor"

DOCS = {"light": "rgba(0, 0, 0, 0)", "dark": "rgb(28, 32, 34)"}
ERROR = {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 28)"}


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
async def test_the_documentation_begins_with_tasks_and_has_the_reader_s_colours(
    visitors: Visitors, service: Service, color_scheme: str
) -> None:
    page = await visitors.come(service.address, "/docs", color_scheme=color_scheme)

    await expect(page.locator(".opblock-tag").first).to_be_visible()
    tags = [
        await each.get_attribute("data-tag") for each in await page.locator(".opblock-tag").all()
    ]
    assert tags[:2] == ["Tasks", "Authentication"]
    # In the light, the page is as transparent as Swagger UI leaves it.
    assert await page.evaluate(BACKGROUND) == DOCS[color_scheme]

    # It follows a change, too.
    if color_scheme == "light":
        await page.emulate_media(color_scheme="dark")
        await expect(page.locator("html")).to_have_class("dark-mode")
        assert await page.evaluate(BACKGROUND) == DOCS["dark"]


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
async def test_an_unknown_path_is_a_page_that_leads_to_the_others(
    visitors: Visitors, service: Service, findings: Findings, color_scheme: str
) -> None:
    findings.expect("status of 404")
    page = await visitors.come(service.address, "/no/where", color_scheme=color_scheme)

    await expect(page.get_by_role("heading")).to_have_text("Not Found")
    assert await page.evaluate(BACKGROUND) == ERROR[color_scheme]
    await assert_accessible(page)
    await page.get_by_role("link", name="Your tasks").click()
    await page.wait_for_url(f"{service.address}/")
