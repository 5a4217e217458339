"""Plays a page to its end: writes its files, types its commands, compares the answers.

In a ``console`` block a line that begins with ``$ `` is typed into a shell, together with the
lines that a backslash joins to it; the lines below it are what comes back. A command that serves
is left running until a line ``^C``, the interrupt that Ctrl-C sends.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.docs.matching import ANYTHING, matches
from tests.docs.pages import Block
from tests.staging.ports import reserve_port

BASH = shutil.which("bash") or "/bin/bash"

PORT = "8000"
"""The port that pages name; a free one takes its place."""

SERVING = ("make run", "python serve.py", "todo serve")
"""How a command that goes on until Ctrl-C begins."""

INTERRUPT = "^C"

PATIENCE = 120.0
"""Seconds for a command to end, or for a server to say what it has to say."""

# Inside `make test` they would reach the reader's own make.
_OF_MAKE = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKE_TERMOUT", "MAKE_TERMERR"}


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a page, and what the page says comes back."""

    text: str
    expected: str
    line: int


def commands_of(block: Block) -> list[Command]:
    """The commands of a ``console`` block."""
    commands: list[Command] = []
    lines = block.text.splitlines()
    place = 0
    while place < len(lines):
        start = place
        assert lines[place] == INTERRUPT or lines[place].startswith("$ "), lines[place]
        text = lines[place].removeprefix("$ ")
        while text.endswith("\\"):
            place += 1
            text += f"\n{lines[place]}"
        place += 1
        expected = []
        while place < len(lines) and not lines[place].startswith(("$ ", INTERRUPT)):
            expected.append(lines[place])
            place += 1
        commands.append(Command(text, "\n".join(expected).strip(), block.line + start))
    return commands


class Terminal:
    """One reader at work: a directory, a shell that keeps its variables, and at most one server.

    Args:
        directory: Where the reader is.
        environment: Variables of theirs.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._port = str(reserve_port())
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        inherited = {name: value for name, value in os.environ.items() if name not in _OF_MAKE}
        self._environment = {**inherited, "PATH": path, "PORT": self._port, **environment}
        self._log = directory / "server.log"
        self._server: subprocess.Popen[bytes] | None = None
        self._shell = subprocess.Popen(
            [BASH],
            cwd=directory,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._shell.communicate()
        if self._server is not None:
            self.interrupt()

    def play(self, block: Block) -> None:
        """Do what a block says.

        Raises:
            AssertionError: Something else came back than the page says.
        """
        if block.title is not None:
            path = self._directory / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._localised(block.text), encoding="utf-8")
        elif block.language == "console":
            for command in commands_of(block):
                self._type(command)

    def interrupt(self) -> None:
        """Press Ctrl-C where the server runs, and wait until it has ended."""
        assert self._server is not None, "no server runs"
        server, self._server = self._server, None
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            raise
        log = self._log.read_text(encoding="utf-8")
        assert "Traceback" not in log, log

    def _type(self, command: Command) -> None:
        text, expected = self._localised(command.text), self._localised(command.expected)
        if text == INTERRUPT:
            self.interrupt()
        elif text.startswith(SERVING):
            self._serve(text, expected, command)
        else:
            found = self._run(text)
            assert matches(expected, found), _difference(command, expected, found)

    def _run(self, text: str) -> str:
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        end = "-- the end of this command --"
        self._shell.stdin.write(f"{{ {text}\n}} < /dev/null\necho; echo '{end}'\n")
        self._shell.stdin.flush()
        impatience = threading.Timer(PATIENCE, self._shell.kill)
        impatience.start()
        lines = list(iter(self._shell.stdout.readline, f"{end}\n"))
        impatience.cancel()
        return "".join(lines)

    def _serve(self, text: str, expected: str, command: Command) -> None:
        assert self._server is None, "a server runs already"
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(
                [BASH, "-c", text],
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE
        while True:
            has_ended = self._server.poll() is not None
            found = self._log.read_text(encoding="utf-8")
            if matches(f"{expected}\n{ANYTHING}", found) and self._answers():
                return
            assert not has_ended, _difference(command, expected, found)
            assert time.monotonic() < deadline, _difference(command, expected, found)
            time.sleep(0.05)

    def _answers(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", int(self._port))) == 0

    def _localised(self, text: str) -> str:
        return text.replace(PORT, self._port)


def _difference(command: Command, expected: str, found: str) -> str:
    return (
        f"line {command.line}: {command.text}\n--- the page says\n{expected}\n"
        f"--- what came back\n{found.strip()}"
    )
