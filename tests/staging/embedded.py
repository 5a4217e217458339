"""What tests do to embedded servers: ask them, kill them, and own them from another process."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg

from wellhead.embedded import EmbeddedPostgres, watch

_PROGRAM = """
import sys
from pathlib import Path
from wellhead.embedded import EmbeddedPostgres

server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
server.start()
{after_start}
print(server.url, flush=True)
sys.stdin.read()
server.stop()
"""


def ask(url: str, *statements: str) -> Any:
    """The first value that the last of some statements returns."""

    async def run() -> Any:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(run())


def postmaster(directory: Path) -> int | None:
    """The process number of the server that runs on a directory."""
    running = watch.find_postmaster(directory / watch.DATA)
    return running and running.pid


def watcher(directory: Path) -> int:
    """The process number of the watcher of a directory."""
    listing = subprocess.run(
        ["/bin/ps", "-A", "-ww", "-o", "pid=,command="], capture_output=True, text=True, check=True
    )
    mine = [line for line in listing.stdout.splitlines() if f"watch.py {directory} " in line]
    assert len(mine) == 1, mine
    return int(mine[0].split()[0])


def wait_until_gone(directory: Path) -> None:
    """Return once no server runs on the directory; the suite's time limit ends it otherwise."""
    while postmaster(directory) is not None:
        time.sleep(0.02)


def crash(server: EmbeddedPostgres) -> None:
    """Kill the server, as the system does when memory runs out."""
    pid = postmaster(server.data_dir)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(server.data_dir)


def count_in_log(directory: Path, words: str) -> int:
    """How often the server of a directory has said something."""
    return (directory / "server.log").read_text().count(words)


class Owner:
    """Starts or joins the server of a directory and holds it until told otherwise.

    Args:
        directory: The directory of the server.
        after_start: Further lines of Python for the process, with the object ``server`` at hand.
        uid: The account to run as, for root.
        python: The interpreter, where the account cannot run ours; it gets our import path.
    """

    def __init__(
        self,
        directory: Path,
        *,
        after_start: str = "",
        uid: int | None = None,
        python: str = sys.executable,
    ) -> None:
        program = _PROGRAM.format(after_start=after_start)
        self._process = subprocess.Popen(
            [python, "-c", program, directory],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            start_new_session=True,
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        """Its process number, and that of the process group that it leads."""
        return self._process.pid

    def read_url(self) -> str:
        """Wait until the process owns a running server, and return the server's URL."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, self._process.communicate()[1]
        return line

    def read_errors(self) -> str:
        """Wait for its end and return what it complained about."""
        return self._process.communicate()[1]

    def finish(self) -> None:
        """Let it stop the server in order, and wait for its end."""
        output, errors = self._process.communicate()
        assert self._process.returncode == 0, output + errors

    def kill(self) -> None:
        """End it by ``kill -9`` and wait for its end."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
