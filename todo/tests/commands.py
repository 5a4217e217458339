"""The command `todo`: called here, or started in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from staged import KEY
from typer.testing import CliRunner, Result

from todo.cli import app

TODO = Path(sys.executable).with_name("todo")
CHEAP = {
    "ARGON2_TIME_COST": "1",
    "ARGON2_MEMORY_KIB": "7168",
    "ARGON2_PARALLELISM": "1",
    "JWT_SECRET_KEY": KEY,
    "DRAIN_SECONDS": "0",
}
SECONDS = 240


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, **CHEAP, "PYTHONUNBUFFERED": "1", **changes}


def invoke(*arguments: str, **changes: str) -> Result:
    """Call it where it is loaded already; in a process of its own that takes a second."""
    result = CliRunner().invoke(app, arguments, env={**CHEAP, **changes})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def run(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TODO, *arguments],
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@dataclass
class Served:
    """A running `todo serve`."""

    process: subprocess.Popen[str]
    log_file: IO[str]
    address: str
    banner: str

    def stop(self, how: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """End it as Ctrl-C does, and return its exit code and what it wrote to the log."""
        if how is signal.SIGINT:
            os.killpg(self.process.pid, how)  # A terminal sends it to every process at once.
        else:
            self.process.send_signal(how)
        return self.ended()

    def log(self) -> str:
        """What it has written to the log so far."""
        size = os.fstat(self.log_file.fileno()).st_size
        # Not by reading: the process writes at this file's position.
        return os.pread(self.log_file.fileno(), size, 0).decode()

    def ended(self) -> tuple[int, str]:
        """Wait for its end; returns its exit code and what it wrote to the log."""
        self.process.communicate(timeout=SECONDS)
        return self.process.returncode, self.log()


@contextmanager
def serving(*arguments: str, **changes: str) -> Iterator[Served]:
    # Not a pipe: it is not read while requests are sent, and a full one would stop the server.
    with tempfile.TemporaryFile("w+") as log_file:
        process = subprocess.Popen(
            [TODO, "serve", "--port", "0", *arguments],
            env=environment(**changes),
            stdout=subprocess.PIPE,
            stderr=log_file,
            text=True,
            start_new_session=True,
        )
        try:
            yield Served(process, log_file, *address_of(process))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            assert process.stdout is not None
            process.stdout.close()


def address_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Where it serves, and the banner that says so."""
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if "-d '" in line:  # The last line of the banner.
            break
    banner = "".join(lines)
    found = re.search(r"Address  (http://\S+)", banner)
    assert found, banner
    return found[1], banner
