"""Prometheus's own checker of alerts, for the test that needs it.

`make promtool` fetches it. Without it that test cannot run: it fails where
WELLHEAD_PROMTOOL=required says so, as CI does, and is left out with a word elsewhere.
"""

import os
import shutil

import pytest

from tests.docs.pages import ROOT

PROMTOOL = shutil.which("promtool", path=f"{ROOT / '.promtool'}{os.pathsep}{os.environ['PATH']}")
IS_LEFT_OUT = PROMTOOL is None and os.environ.get("WELLHEAD_PROMTOOL") != "required"

collect_ignore = ["test_promtool.py"] if IS_LEFT_OUT else []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run."""
    if IS_LEFT_OUT:
        terminalreporter.section("not run")
        terminalreporter.write_line(
            "tests/docs/test_promtool.py was left out: it needs promtool. make promtool fetches it."
        )


@pytest.fixture(scope="session")
def promtool() -> str:
    """The program."""
    assert PROMTOOL is not None, "promtool is missing: run make promtool."
    return PROMTOOL
