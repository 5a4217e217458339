"""The fleet, for the tests that need one.

`make fleet-programs` fetches what it consists of. Without that these tests cannot run: they fail
where WELLHEAD_FLEET=required says so, as CI does, and are left out with a word elsewhere.
"""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.fleet.fleet import Fleet, open_fleet
from bench.fleet.network import can_be_cut
from bench.fleet.programs import missing

ARE_LEFT_OUT = bool(missing()) and os.environ.get("WELLHEAD_FLEET") != "required"

NETWORK = [] if can_be_cut() else ["test_network.py"]

collect_ignore = [*NETWORK, *(["test_fleet.py", "test_patroni.py"] if ARE_LEFT_OUT else [])]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run."""
    if collect_ignore:
        terminalreporter.section("not run")
    if NETWORK:
        terminalreporter.write_line(
            "tests/fleet/test_network.py was left out: it needs root and network namespaces."
        )
    if ARE_LEFT_OUT:
        terminalreporter.write_line(
            f"tests/fleet/test_fleet.py was left out: it needs {', '.join(missing())}."
            " make fleet-programs fetches it."
        )


@pytest.fixture(scope="module")
def fleet(request: pytest.FixtureRequest, public_directory: Path) -> Iterator[Fleet]:
    """A fleet with all its applications."""
    assert not missing(), f"{', '.join(missing())} is missing: run make fleet-programs."
    directory = public_directory / request.path.stem
    directory.mkdir()
    with asyncio.Runner() as runner:
        opened = open_fleet(directory)
        running = runner.run(opened.__aenter__())
        try:
            yield running
        finally:
            runner.run(opened.__aexit__(None, None, None))
            shutil.rmtree(directory)
