"""`scripts/containers` where no engine can run: it says so, and fails unless told otherwise."""

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.tests.engine import ROOT

TOOLS = ("bash", "cat", "dirname", "env", "flock", "grep", "id", "mkdir", "mktemp", "rm", "sed")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory with what the script itself needs, and no engine."""
    directory = tmp_path / "tools"
    directory.mkdir()
    for name in TOOLS:
        program = shutil.which(name)
        assert program
        (directory / name).symlink_to(program)
    return directory


@pytest.mark.parametrize(("optional", "code"), [("no", 1), ("yes", 0)])
def test_without_an_engine_it_says_so_and_fails_unless_told_otherwise(
    tools: Path, tmp_path: Path, optional: str, code: int
) -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "containers"],
        env={
            "PATH": str(tools),
            "DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock",
            "CONTAINERS_OPTIONAL": optional,
            "CONTAINERS_CACHE": str(tmp_path / "cache"),
            "TMPDIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code
    assert done.stderr.startswith("No container engine: ")
    assert ("nothing was checked" in done.stderr) == (optional == "yes")
    assert {path.name for path in tmp_path.iterdir()} == {"tools", "cache"}
