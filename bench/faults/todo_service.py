"""The Todo API under a real uvicorn, in a separate process, and a user of it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx2

from tests.staging.ports import reserve_port
from todo import MIGRATIONS
from wellhead import DatabaseSettings
from wellhead.migrations import Migrations

TODO = Path(sys.executable).with_name("todo")

KEY = "0123456789abcdefghijklmnopqrstuvwxyz-for-the-fault-suite"
"""What the service signs its tokens with."""

_PERSON = {"email": "sleeper@example.com", "password": "correct horse battery staple"}
_SETTINGS = {
    "JWT_SECRET_KEY": KEY,
    "ARGON2_TIME_COST": "1",
    "ARGON2_MEMORY_KIB": "8192",
    "ARGON2_PARALLELISM": "1",
}
_START_SECONDS = 180.0
_STOP_SECONDS = 60.0
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class User:
    """A user who is logged in.

    Attributes:
        tasks: The path of their tasks.
        headers: What their requests carry.
    """

    tasks: str
    headers: Mapping[str, str]


class TodoService:
    """`todo serve` on a free port.

    Args:
        directory: Where it runs and writes its log.
        url: Its database.
        environment: More variables.

    Attributes:
        client: Sends requests to it.
    """

    def __init__(
        self, directory: Path, url: str, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = directory / "todo.log"
        self._directory = directory
        self._environment = {
            "PATH": os.environ["PATH"],
            **_SETTINGS,
            **(environment or {}),
            "DATABASE_URL": url,
        }
        self._port = reserve_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{self._port}",
            trust_env=False,
            timeout=_PATIENCE,
            # uvicorn hangs up after 5 seconds, and must not do so while a request is on its way.
            limits=httpx2.Limits(max_connections=None, keepalive_expiry=2),
            verify=False,
        )

    async def __aenter__(self) -> Self:
        self._process = self._launch()
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not await self._answers():
                    assert self._process.poll() is None, self.log.read_text()
                    await asyncio.sleep(0.05)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.client.aclose()
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(process.wait, _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _launch(self) -> "subprocess.Popen[bytes]":
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [TODO, "serve", "--port", str(self._port)],
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def user(self) -> User:
        """Log a user in, after registering them if necessary."""
        registered = await self.client.post("/api/auth/register", json=_PERSON)
        assert registered.status_code in {201, 409}, registered.text
        form = {"username": _PERSON["email"], "password": _PERSON["password"]}
        tokens = (await self.client.post("/api/auth/login", data=form)).raise_for_status().json()
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        me = (await self.client.get("/api/auth/me", headers=headers)).raise_for_status().json()
        return User(f"/api/{me['id']}/tasks", headers)

    async def _answers(self) -> bool:
        try:
            return (await self.client.get("/health")).is_success
        except httpx2.TransportError:
            return False


def migrate(url: str) -> None:
    """Bring the tables of the Todo API into a database."""
    Migrations(MIGRATIONS, settings=DatabaseSettings(url=url)).upgrade()
