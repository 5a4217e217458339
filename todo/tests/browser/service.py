"""A Todo API in a process of its own, and what a test may do to it."""

import asyncio
import os
import signal
from contextlib import ExitStack, suppress
from pathlib import Path

from commands import Served, serving

from bench.faults.server import children
from tests.staging.ports import reserve_port
from wellhead.embedded import EmbeddedPostgres, watch

UNLIMITED = {
    "LOGIN_ATTEMPTS_PER_ACCOUNT": "1000000 per day",
    "LOGIN_ATTEMPTS_PER_ADDRESS": "1000000 per day",
    "REGISTRATIONS_PER_ADDRESS": "1000000 per day",
    "RESETS_PER_ACCOUNT": "1000000 per day",
    "RESETS_PER_ADDRESS": "1000000 per day",
}


class Service:
    """A Todo API, at one address also after it was stopped and started.

    Args:
        database_url: Its database, which it migrates.
        workers: Its processes.
        settings: More settings, such as `REGISTRATION="invite"`.

    Attributes:
        port: Where it listens.
        address: Its origin, such as `http://127.0.0.1:8123`.
    """

    def __init__(self, database_url: str, *, workers: int = 1, **settings: str) -> None:
        self.port = reserve_port()
        self._settings = {"DATABASE_URL": database_url, **UNLIMITED, **settings}
        self._arguments = ("--migrate", f"--port={self.port}", f"--workers={workers}")
        self._process = ExitStack()
        self._served: Served | None = None
        self.address = f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it, if it does not run; a request that comes from here on is responded to."""
        if self._served is not None:
            return
        self._served = await asyncio.to_thread(
            self._process.enter_context,
            serving(*self._arguments, **self._settings),
        )

    async def stop(self) -> None:
        """Stop it as an operator does: requests in progress get their response."""
        served, self._served = self._served, None
        if served is not None:
            returncode, log = await asyncio.to_thread(served.stop, signal.SIGTERM)
            self._process.close()
            assert returncode == 0, log
            assert "Traceback" not in log, log

    async def kill(self) -> None:
        """End it in the middle of everything."""
        self._served = None
        await asyncio.to_thread(self._process.close)

    def log(self) -> str:
        """What it has written to the log since it was started; mails are there, too."""
        assert self._served is not None
        return self._served.log()


class DatabaseServer:
    """A PostgreSQL server with the data of before each time that it is started.

    It is durable: otherwise it would lose what it has acknowledged when it is killed.

    Args:
        directory: The directory of its data.
    """

    def __init__(self, directory: Path) -> None:
        self._server = EmbeddedPostgres(directory)

    @property
    def url(self) -> str:
        """The URL of its database; the same after each start."""
        return self._server.url

    async def start(self) -> None:
        """Start it, if it does not run, and wait until it accepts connections."""
        await asyncio.to_thread(self._server.start)

    async def stop(self) -> None:
        """Stop it; its connections are ended."""
        await asyncio.to_thread(self._server.stop)

    async def kill(self) -> None:
        """End it at once with all its processes, as the system does when memory runs out."""
        postmaster = watch.find_postmaster(self._server.data_dir / watch.DATA)
        assert postmaster is not None
        for each in [postmaster.pid, *children(postmaster.pid)]:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
