"""The applications under test, each a process of its own behind a real socket."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2

from bench.faults.clients import MARK, Door
from bench.faults.server import workers
from tests.staging.patience import until
from tests.staging.ports import reserve_port

ROOT = Path(__file__).parents[2]

CONNECT, ACQUIRE, REQUEST = 1, 3, 4
"""Seconds: the deadlines of a new connection, of having one, and of a whole request."""

POOL, OVERFLOW = 5, 5

_START_SECONDS = 180.0
_WORKER_IS_UP = "Application startup complete."
_STOP_SECONDS = 60.0
_KEY = "0123456789abcdefghijklmnopqrstuvwxyz-for-the-fault-suite"
_EMAIL = "writer@example.com"
_PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Kind:
    """An application that can be served.

    Attributes:
        name: How reports call it.
        command: What to run; `{port}` and `{workers}` are filled in.
        mistaken: The same with the routes of `bench.faults.mistakes`.
        environment: Its settings in addition to the URL.
        variable: The variable that takes the URL; one that ends in ``_FILE`` takes a file with it.
        table: Where its tasks are.
        has_accounts: Whether one has to log in.
        commit: What it says to the server when it commits the writing of a task.
    """

    name: str
    command: tuple[str, ...]
    mistaken: tuple[str, ...]
    environment: Mapping[str, str]
    variable: str
    table: str
    has_accounts: bool
    commit: bytes


def _uvicorn(factory: str) -> tuple[str, ...]:
    serve = (sys.executable, "-m", "uvicorn", "--factory", factory)
    return (*serve, "--port", "{port}", "--workers", "{workers}")


TODO = Kind(
    "Todo API",
    (
        str(Path(sys.executable).with_name("todo")),
        *("serve", "--port", "{port}", "--workers", "{workers}"),
    ),
    _uvicorn("bench.faults.mistakes:todo"),
    {
        "JWT_SECRET_KEY": _KEY,
        "JWT_ACCESS_TOKEN_EXPIRE_MINUTES": "120",
        "ARGON2_MEMORY_KIB": "8192",
        "ARGON2_TIME_COST": "1",
        "DATABASE_POOL_SIZE": str(POOL),
        "DATABASE_MAX_OVERFLOW": str(OVERFLOW),
        "DATABASE_CONNECT_TIMEOUT": str(CONNECT),
        "DATABASE_POOL_TIMEOUT": str(ACQUIRE),
        "DATABASE_RUN_TIMEOUT": str(ACQUIRE),
        "DATABASE_REQUEST_TIMEOUT": str(REQUEST),
    },
    "DATABASE_URL_FILE",
    "tasks",
    has_accounts=True,
    # One statement, which commits by itself.
    commit=MARK.encode(),
)

USUAL = Kind(
    "the usual way",
    _uvicorn("bench.usual_way:create_app"),
    _uvicorn("bench.faults.mistakes:usual"),
    {"POOL_SIZE": str(POOL), "MAX_OVERFLOW": str(OVERFLOW), "POOL_TIMEOUT": str(ACQUIRE)},
    "DATABASE_URL",
    "usual_tasks",
    has_accounts=False,
    commit=b"COMMIT",
)


class ServedApp:
    """A running application.

    Args:
        kind: Which.
        directory: Where its log and its secrets are to lie, and where it runs.
        workers: How many processes serve.
        with_mistakes: Whether it has the routes of `bench.faults.mistakes`, too.
        environment: More variables.
        port: Where it listens; None takes a free port.

    Attributes:
        starts: When it served first after each start, on the clock of `time.monotonic`.
    """

    def __init__(
        self,
        kind: Kind,
        directory: Path,
        *,
        workers: int = 1,
        with_mistakes: bool = False,
        environment: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        self.kind = kind
        self.log = directory / "app.log"
        self.starts: list[float] = []
        self._directory = directory
        self._workers = workers
        self._command = kind.mistaken if with_mistakes else kind.command
        self._more = dict(environment or {})
        self._port = port or reserve_port()
        self._started_workers = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """Where it listens; the same after a restart."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The number of its first process."""
        assert self._process is not None, "it is down"
        return self._process.pid

    async def start(self, url: str) -> None:
        """Start it on a database and wait until it answers."""
        self._started_workers += self._workers
        self._process = self._launch(url)
        await until(self._answers, seconds=_START_SECONDS)
        self.starts.append(time.monotonic())

    def _launch(self, url: str) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [part.format(port=self._port, workers=self._workers) for part in self._command],
                cwd=self._directory,
                env=self._environment(url),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def stop(self) -> None:
        """Ask it to end and wait until it has gone; what does not end in time is killed."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self._process.wait, _STOP_SECONDS)
            self._process = None
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, and all its workers."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    async def kill_worker(self, rng: random.Random) -> None:
        """Kill one of several worker processes, when all of them serve; it is replaced by itself.

        While none serves, clients wait in the queue of the system, where no deadline holds.
        """
        assert self._process is not None
        await until(self._is_complete, seconds=_START_SECONDS)
        os.kill(rng.choice(workers(self._process.pid)), signal.SIGKILL)
        self._started_workers += 1

    async def open_door(self) -> Door:
        """Where to write; an account is made first, where the application has accounts."""
        if not self.kind.has_accounts:
            return Door(self.base_url, "/tasks", {})
        who = {"email": _EMAIL, "password": _PASSWORD}
        async with httpx2.AsyncClient(
            base_url=self.base_url, trust_env=False, verify=False
        ) as client:
            registered = await client.post("/api/auth/register", json=who)
            assert registered.status_code in (201, 409), registered.text
            form = {"username": _EMAIL, "password": _PASSWORD}
            tokens = (await client.post("/api/auth/login", data=form)).raise_for_status().json()
            headers = {"Authorization": f"Bearer {tokens['access_token']}"}
            me = (await client.get("/api/auth/me", headers=headers)).raise_for_status().json()
        return Door(self.base_url, f"/api/{me['id']}/tasks", headers, has_bulk=True)

    def _environment(self, url: str) -> dict[str, str]:
        given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        if self.kind.variable.endswith("_FILE"):
            secret = self._directory / "database-url"
            secret.write_text(url)
            url = str(secret)
        return {**given, **self.kind.environment, **self._more, self.kind.variable: url}

    async def _is_complete(self) -> bool:
        return self.log.read_text().count(_WORKER_IS_UP) == self._started_workers

    async def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        try:
            async with httpx2.AsyncClient(trust_env=False, timeout=1, verify=False) as client:
                return (await client.get(f"{self.base_url}/health")).is_success
        except httpx2.HTTPError:
            return False
