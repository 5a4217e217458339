"""A program in the background: its log, its start and its end."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from wellhead.embedded.account import plain_environment

_LOG_BYTES = 2000


class Program:
    """A program that runs until it is told to end, in a session of its own.

    A Ctrl-C in the terminal does not reach it: the fleet ends it.

    Args:
        command: What to run.
        log: The file of its output; a restart continues it.
        environment: Its variables, in addition to the few that all get.
    """

    def __init__(
        self,
        command: Sequence[Path | str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self._command = command
        self._environment = {**plain_environment(), **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The number of its process, which has been started."""
        assert self._process is not None  # noqa: S101 - an instrument that is not in order stops
        return self._process.pid

    def start(self) -> None:
        """Start it; returns at once."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.log.parent,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def check(self) -> None:
        """Make sure that it runs.

        Raises:
            RuntimeError: It has ended by itself; the message has the end of its log.
        """
        if self._process is None or self._process.poll() is not None:
            said = self.log.read_text(errors="replace")[-_LOG_BYTES:] if self.log.exists() else ""
            raise RuntimeError(f"{Path(self._command[0]).name} does not run. It said:\n{said}")

    def has_ended(self) -> bool:
        """Whether it has ended by itself, or was never started."""
        return self._process is None or self._process.poll() is not None

    def send(self, what: signal.Signals) -> None:
        """Send a signal to it alone, not to what it started; does nothing if it is down."""
        if self._process is not None:
            self._process.send_signal(what)

    async def kill(self) -> None:
        """End it and what it started in its session, at once; does nothing if it is down."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait)
