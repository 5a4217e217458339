"""Runs the Python of a page: all blocks without a title are one program, in their order.

Each page gets an interpreter of its own, because pages define tables, and SQLModel keeps every
table of a process in one place. A module in ``drivers``, named like the page, goes on with what
the page has made: its ``use`` is given the page's names.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.docs.pages import Page
from tests.staging.tools import TOOLS

ROOT = Path(__file__).parents[2]
DRIVERS = Path(__file__).parent / "drivers"

_RUN = """\
import asyncio, runpy, sys
path, program, driver, root = sys.argv[1:]
names = {"__name__": "__main__"}
exec(compile(program, path, "exec"), names)
if driver:
    # Only now, so that the page's program finds nothing of this repository.
    sys.path.append(root)
    asyncio.run(runpy.run_path(driver)["use"](names))
"""


def source_of(page: Page) -> str:
    """The page's program, each line at its place on the page, for tracebacks."""
    lines: list[str] = []
    for block in page.blocks:
        if block.language == "python" and block.title is None:
            lines += [""] * (block.line - 1 - len(lines))
            lines += block.text.splitlines()
    return "\n".join(lines)


def tools_of(page: Page) -> list[str]:
    """The third-party packages that the page's program needs, in addition to the tests'."""
    source = source_of(page)
    return [each for each in TOOLS if re.search(rf"^(from|import) {each}\b", source, re.MULTILINE)]


def driver_of(page: Page) -> Path:
    """Where a driver of this page would stand."""
    return DRIVERS / f"{page.path.stem.lower().replace('-', '_')}.py"


def run(page: Page, directory: Path, environment: Mapping[str, str]) -> str:
    """Run the page's program and its driver.

    Returns:
        What it printed.

    Raises:
        AssertionError: It ended with an error.
    """
    driver = driver_of(page)
    arguments = [str(page.path), source_of(page), str(driver) if driver.exists() else "", str(ROOT)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _RUN, *arguments],
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
