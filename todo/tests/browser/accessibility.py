"""What axe finds in a page."""

from importlib.resources import files

from playwright.async_api import Page

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")

OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


async def assert_accessible(page: Page) -> None:
    """Fail if axe finds anything in the page as it is shown now, with each rule and element."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    results = await page.evaluate("(options) => axe.run(options)", OPTIONS)
    found = [
        f"{violation['help']} ({violation['id']}): {node['html']}"
        for violation in results["violations"]
        for node in violation["nodes"]
    ]
    assert found == []
