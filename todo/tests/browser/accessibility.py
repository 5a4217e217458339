"""What axe finds in a page."""

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


async def assert_accessible(page: Page) -> None:
    """Fail with axe's report if it finds anything in the page as it is shown now."""
    results = await Axe().run(page, options=OPTIONS)
    assert not results.violations_count, results.generate_report()
