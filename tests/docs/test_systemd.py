"""The units for systemd and the files for proxies fit the application, and are valid."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from tests.docs.pages import ROOT
from todo.cli import app as cli
from todo.server import GRACE_SECONDS
from todo.settings import Settings

UNITS = ROOT / "deploy" / "systemd"
PROXIES = ROOT / "deploy" / "proxy"
PROGRAM = "/opt/todo/bin/todo"

VERIFIER = shutil.which("systemd-analyze")


def value(unit: str, name: str) -> str:
    """The value of a setting that a unit has once."""
    (found,) = re.findall(rf"^{name}=(.*)$", (UNITS / unit).read_text(), re.MULTILINE)
    return str(found)


@pytest.mark.skipif(VERIFIER is None, reason="this system has no systemd")
def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    for unit in UNITS.iterdir():
        # It wants the program to be there.
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, sys.executable))

    found = subprocess.run(
        [str(VERIFIER), "verify", "--man=no", *sorted(map(str, tmp_path.glob("todo*")))],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_the_units_call_commands_that_there_are() -> None:
    group = typer.main.get_command(cli)
    commands = getattr(group, "commands", {})
    text = "".join(unit.read_text() for unit in UNITS.iterdir())

    called = re.findall(rf"{PROGRAM} (\S+)((?: --[a-z]+)*)", text)
    assert {name for name, _ in called} == {"migrate", "serve", "backup", "cleanup"}
    for name, options in called:
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert set(options.split()) <= known


def test_it_is_killed_only_after_all_that_it_may_take_to_end() -> None:
    drain = Settings.model_fields["drain_seconds"].default

    # `docs/how-to/run-in-production.md` promises DRAIN_SECONDS and 30 seconds more.
    assert float(value("todo.service", "TimeoutStopSec")) > drain + 30 > drain + 2 * GRACE_SECONDS


@pytest.mark.parametrize("name", ["Caddyfile", "nginx.conf"])
def test_a_proxy_passes_on_to_where_it_serves_and_hides_what_is_internal(name: str) -> None:
    text = (PROXIES / name).read_text()
    fields = Settings.model_fields

    assert f"{fields['host'].default}:{fields['port'].default}" in text
    assert {"/metrics", "/db/pool-status"} <= set(text.split())
