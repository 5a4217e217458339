"""Colour: on a terminal only, in no command with NO_COLOR, and made in one place."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from tests.cli.terminal import on_terminal
from wellhead.cli.app import app

ROOT = Path(__file__).parents[2]
NOWHERE = {"DATABASE_URL": "postgresql://u:p@127.0.0.1:1/shop"}
RED = "\x1b[31m"

# Each ends with an error, which is red where colour is allowed.
COMMANDS = {
    "wait": ("--timeout", "0.1"),
    "doctor": (),
    "top": ("http://127.0.0.1:1",),
    "pool-size": ("--max-connections", "10", "--replicas", "9", "--workers", "1"),
    "migrate": ("status", "--scripts", "."),
}


def test_every_command_is_tried() -> None:
    group = typer.main.get_command(app)

    assert isinstance(group, TyperGroup)
    assert COMMANDS.keys() == group.commands.keys()


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_colour_on_a_terminal_unless_no_color_is_set(command: str) -> None:
    with on_terminal(command, *COMMANDS[command], **NOWHERE) as coloured:
        code = coloured.ended()
    with on_terminal(command, *COMMANDS[command], NO_COLOR="1", **NOWHERE) as plain:
        assert plain.ended() == code

    assert code in {1, 3}
    assert RED in coloured.written
    assert "\x1b" not in plain.written


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_no_colour_without_a_terminal(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wellhead", command, *COMMANDS[command]],
        env={**os.environ, **NOWHERE, "FORCE_COLOR": "1"},
        capture_output=True,
        check=False,
    )

    assert done.returncode in {1, 3}
    assert b"\x1b" not in done.stdout + done.stderr


def test_colour_is_made_in_one_place() -> None:
    makes = re.compile(r"\bstyle\(|\bsecho\(|\\x1b|\\033")
    found = {
        path.name
        for folder in ("src/wellhead/cli", "src/wellhead/doctor", "todo/src/todo")
        for path in (ROOT / folder).rglob("*.py")
        if makes.search(path.read_text(encoding="utf-8"))
    }

    assert found == {"colour.py"}
