"""A uvicorn with several workers, in processes of their own."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.staging.patience import SECONDS

_PROGRAM = """
from fastapi import FastAPI
from wellhead import Database
from wellhead.fastapi import SessionDep, install, lifespan
from sqlalchemy import text

database = Database()
app = FastAPI(lifespan=lifespan(database, drain_seconds=0))
install(app, database, metrics=True)


@app.get("/found")
async def find(session: SessionDep) -> int:
    return (await session.scalars(text("SELECT 1"))).one()
"""


class Uvicorn:
    """A running one.

    Attributes:
        process: The supervisor of the workers.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        """What was written to the log so far."""
        return self._log.read_text(encoding="utf-8")

    @property
    def address(self) -> str:
        """Where it listens, once the log says so."""
        return str(re.findall(r"running on (\S+)", self.log)[0])

    @property
    def workers(self) -> list[int]:
        """The process ids of all workers that have started so far, also of those that ended."""
        return [int(each) for each in re.findall(r"Started server process \[(\d+)\]", self.log)]

    @property
    def starts(self) -> int:
        """How many workers are ready, or were."""
        return self.log.count("Application startup complete")


@contextmanager
def uvicorn(workers: int, **environment: str) -> Iterator[Uvicorn]:
    """An application with a live page and metrics, served by so many workers."""
    with tempfile.TemporaryDirectory(prefix="w") as name:
        directory = Path(name)
        (directory / "program.py").write_text(_PROGRAM, encoding="utf-8")
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", "program:app", "--port", "0",
                 "--workers", str(workers)],
                cwd=directory,
                env={**os.environ, "TMPDIR": name, "DATABASE_LIVE_PAGE": "true", **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip
        try:
            yield Uvicorn(process, directory / "log")
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(SECONDS)
                finally:
                    if process.poll() is None:
                        os.killpg(process.pid, signal.SIGKILL)
