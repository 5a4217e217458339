"""The command itself: help, version, and what happens where its packages are missing."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from typer.testing import CliRunner

import wellhead
from wellhead.cli import main
from wellhead.cli.app import app


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"wellhead {wellhead.__version__}\n"


def test_help_names_every_command() -> None:
    groups = {
        (): ("migrate", "wait", "doctor", "pool-size"),
        ("migrate",): ("up", "down", "status", "check", "new", "sql"),
    }
    for group, commands in groups.items():
        shown = CliRunner().invoke(app, [*group, "--help"]).stdout
        assert [command for command in commands if f" {command} " not in shown] == []


def test_it_is_installed_as_wellhead() -> None:
    (script,) = entry_points(group="console_scripts", name="wellhead")

    assert script.load() is main


@pytest.mark.parametrize("missing", ["typer", "alembic"])
def test_a_missing_package_is_named(missing: str) -> None:
    program = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
sys.argv = ["wellhead", "migrate", "sql"]
from wellhead.cli import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr == (
        f"wellhead: the command needs the package {missing}, which is not installed.\n"
        'Install it with pip install "wellhead[cli]".\n'
    )
