"""What programs remember for the user who runs the tests, which no test may write to."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

VARIABLE = "XDG_STATE_HOME"
"""Where programs keep it; https://specifications.freedesktop.org/basedir-spec/latest/."""

PROGRAM = "wellhead-todo"


@contextmanager
def kept_apart(directory: Path, *temporary: Path) -> Iterator[None]:
    """Let programs remember in a directory of the tests instead.

    Args:
        directory: That directory.
        temporary: Where tests work.

    Raises:
        AssertionError: What is remembered for the user names a directory of the tests.
    """
    users = Path(os.environ.get(VARIABLE) or Path.home() / ".local" / "state", PROGRAM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(directory))
        yield
    # The user may run programs, too, at the same time.
    written = [
        f"{file}: {line}"
        for file in users.glob("*")
        for line in file.read_text(errors="replace").splitlines()
        if any(str(place) in line for place in temporary)
    ]
    assert not written, f"a test has written to the user's own state: {written}"
