"""What the Todo client costs: its first load, and what a person does with 2,000 tasks.

Run it with ``make bench-client``. All figures are counts, so that a busy machine has the same; only
the first paint, which is printed, is a time.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright, expect

from bench.faults.todo_service import TodoService, migrate
from bench.page import write
from bench.speed.peer import ROOT
from bench.todo_client.chromium import launching
from bench.todo_client.report import table
from bench.todo_client.scenes import Scenes, fill, play
from bench.todo_speed.person import sign_up
from wellhead.embedded import EmbeddedPostgres

PATIENCE = 120
"""Seconds for what should come at once."""


async def measure(directory: Path) -> Scenes:
    """Serve this checkout's Todo API on a PostgreSQL of its own, and use its client."""
    code = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'todo' / 'src'}"}
    expect.set_options(timeout=PATIENCE * 1000)
    with EmbeddedPostgres(directory / "postgres", durable=False) as postgres:
        await asyncio.to_thread(migrate, postgres.url)
        async with (
            TodoService(directory, postgres.url, environment=code) as service,
            async_playwright() as playwright,
        ):
            address = str(service.client.base_url).rstrip("/")
            person = await sign_up(address)
            await fill(service.client, person.token)
            browser = await playwright.chromium.launch(**launching())
            return await play(browser, address, email=person.email, password=person.password)


def main() -> None:
    """Count, print, and write the page where one is named."""
    parser = argparse.ArgumentParser(prog="make bench-client", description=__doc__)
    parser.add_argument("--write", type=Path, help="the page to write the table to")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wellhead-bench-") as name:
        directory = Path(name)
        # As root the server runs under another account.
        directory.chmod(0o755)
        scenes = asyncio.run(measure(directory))
    print(table(scenes))
    print(f"\nFirst paint after {scenes.first_paint:.0f} ms, on this machine.")
    if arguments.write:
        write(table(scenes), arguments.write, name="bench-client")


if __name__ == "__main__":
    main()
