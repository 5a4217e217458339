"""What the first visit costs, counted."""

from dataclasses import asdict, dataclass

from browser.visitors import SECONDS
from playwright.async_api import Browser, Request

OBSERVE = """
window.measured = { shifts: 0, long_tasks: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.measured.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
new PerformanceObserver((list) => {
  window.measured.long_tasks += list.getEntries().length;
}).observe({ type: "longtask", buffered: true });
"""

MEASURED = """
() => ({
  ...window.measured,
  first_paint_ms: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
})
"""


@dataclass(frozen=True, slots=True)
class FirstLoad:
    """The figures of a first visit, with empty caches.

    Attributes:
        requests: How many requests the page sent, those of its service worker left out.
        bytes: The bodies of the responses, as they were sent: compressed.
        shifts: The sum of the layout shifts; 0 if nothing moved by itself.
        long_tasks: How often scripts kept the page busy for over 50 ms, on this machine.
        first_paint_ms: When the first text was there, on this machine.
    """

    requests: int
    bytes: int
    shifts: float
    long_tasks: int
    first_paint_ms: float

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:.10g}" for name, value in asdict(self).items())


async def measure(browser: Browser, address: str) -> FirstLoad:
    """Visit the client for the first time, until it has loaded everything, and measure that."""
    context = await browser.new_context(service_workers="block")
    finished: list[Request] = []

    def hear(request: Request) -> None:
        # Playwright refuses a method of a list.
        finished.append(request)

    context.on("requestfinished", hear)
    try:
        await context.add_init_script(OBSERVE)
        page = await context.new_page()
        await page.goto(address, wait_until="networkidle", timeout=SECONDS * 1000)
        sizes = [await request.sizes() for request in finished]
        figures = await page.evaluate(MEASURED)
    finally:
        await context.close()
    return FirstLoad(
        requests=len(finished), bytes=sum(each["responseBodySize"] for each in sizes), **figures
    )
