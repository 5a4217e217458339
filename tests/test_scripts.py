"""The shell scripts of `scripts/`, where one fails only on some days."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BASH = shutil.which("bash") or "/bin/bash"
SCRIPTS = sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file())
CLOSES_EARLY = re.compile(r"\|\s*(head|grep\s+-\w*q)\b")
"""A reader that goes before its writer is done: with `pipefail`, SIGPIPE then ends the script."""


def version_of(program: Path) -> str:
    script = f"set -euo pipefail; . scripts/debian.sh; version_of {program} --version"
    return subprocess.check_output([BASH, "-c", script], cwd=ROOT, text=True)


def test_the_version_of_a_program_that_says_much_is_its_first_line(tmp_path: Path) -> None:
    talkative = tmp_path / "talkative"
    talkative.write_text("#!/bin/sh\necho Talkative 1.0\nexec seq 100000\n")
    talkative.chmod(0o755)

    assert version_of(talkative) == "Talkative 1.0\n"


def test_a_program_that_is_not_there_has_no_version(tmp_path: Path) -> None:
    assert version_of(tmp_path / "absent") == "\n"


@pytest.mark.parametrize("script", SCRIPTS, ids=[path.name for path in SCRIPTS])
def test_no_pipe_of_a_script_is_closed_before_its_writer_is_done(script: Path) -> None:
    lines = script.read_text().splitlines()
    code = [line for line in lines if not line.lstrip().startswith("#")]

    assert [line for line in code if CLOSES_EARLY.search(line)] == []
