"""What `make` does, as it says itself; nothing is run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = ("Makefile", "requirements/runtime.txt", "pyproject.toml", "todo/pyproject.toml")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make run` looks at, installed already."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    (tmp_path / ".venv" / ".runtime").touch()
    return tmp_path


def commands(checkout: Path) -> str:
    command = ["make", "--no-print-directory", "--dry-run", "run"]
    # A make that runs the tests would hand its own flags on.
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    own.pop("MFLAGS", None)
    return subprocess.check_output(command, cwd=checkout, text=True, env=own)


def test_a_second_run_installs_nothing_and_only_serves(checkout: Path) -> None:
    assert commands(checkout).splitlines() == ["exec .venv/bin/todo serve --migrate"]


def test_a_run_with_other_requirements_installs_them_first(checkout: Path) -> None:
    (checkout / ".venv" / ".runtime").unlink()

    assert "pip install" in commands(checkout)
