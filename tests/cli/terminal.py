"""A command on a terminal of its own."""

import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from time import monotonic

from tests.staging.patience import SECONDS

# The size again: what runs the tests may say how wide its own terminal is.
_TERMINAL = {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}


class OnTerminal:
    """A process whose standard streams are a terminal.

    Attributes:
        written: Everything that it has written so far.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", terminal: int) -> None:
        self._process = process
        self._terminal = terminal
        self.written = ""

    def wait_for(self, text: str) -> None:
        """Return once it writes this, after what was waited for before.

        Raises:
            EOFError: It ended before.
            TimeoutError: It has written other things for a long time.
        """
        begin, until = len(self.written), monotonic() + SECONDS
        while text not in self.written[begin:]:
            if monotonic() > until:
                raise TimeoutError(self.written)
            self._read()

    def interrupt(self) -> None:
        """Send what Ctrl-C sends."""
        self._process.send_signal(signal.SIGINT)

    def ended(self) -> int:
        """Wait for its end; return the exit code."""
        try:
            while True:
                self._read()
        except EOFError:
            return self._process.wait(SECONDS)

    def _read(self) -> None:
        if not select.select([self._terminal], [], [], SECONDS)[0]:
            raise TimeoutError(self.written)
        try:
            chunk = os.read(self._terminal, 65536)
        except OSError:  # How Linux says that nothing has the terminal open any more.
            chunk = b""
        if not chunk:
            raise EOFError(self.written)
        self.written += chunk.decode(errors="replace")


@contextmanager
def on_terminal(*arguments: str, **environment: str) -> Iterator[OnTerminal]:
    """Run ``wellhead`` on a terminal of 120 columns; it is killed at the end."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "wellhead", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, **_TERMINAL, **environment},
    )
    os.close(theirs)
    try:
        yield OnTerminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
