"""The PostgreSQL of the suite: real, durable, and treated as badly as servers are treated."""

import asyncio
import os
import secrets
import signal
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

import asyncpg

from bench.faults.console import DATABASE, ROLE, Console
from bench.faults.wal_device import WalDevice
from tests.staging.passwords import verifier
from tests.staging.patience import until
from tests.staging.ports import reserve_port
from wellhead.embedded import EmbeddedPostgres, watch
from wellhead.errors import EmbeddedError

OPTIONS = {
    "max_connections": "70",
    # So little that it fits on a small device.
    "max_wal_size": "48MB",
    "min_wal_size": "32MB",
    # What a transaction has locked whose client was lost in silence is free again after this.
    "idle_in_transaction_session_timeout": "20s",
    "log_checkpoints": "off",
}

_STOP_SECONDS = 60.0
_SETTLE_SECONDS = 60.0


class Server:
    """A PostgreSQL in which an ordinary role owns one database.

    Commits are on the disk before they are answered: ``synchronous_commit`` and ``fsync`` are on.

    Args:
        directory: Where its data is to lie; every account must be able to enter it.
        wal_device: Where its write-ahead log is to lie; None leaves it with the data.

    Attributes:
        postgres: The server itself.
        password: The role's password; see `rotate`.
        wal_device: The small device of its write-ahead log, where it was given one.
    """

    def __init__(self, directory: Path, *, wal_device: WalDevice | None = None) -> None:
        self.postgres = EmbeddedPostgres(
            directory, port=reserve_port(), durable=True, options=OPTIONS
        )
        self.password = "first"
        self.wal_device = wal_device

    async def __aenter__(self) -> Self:
        await self.start()
        if self.wal_device is not None:
            await asyncio.to_thread(self.postgres.stop)
            self.wal_device.take_over(self.postgres.data_dir / watch.DATA / "pg_wal")
            await self.start()
        await self.console.ask(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{verifier(self.password)}'")
        await self.console.ask(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await asyncio.to_thread(self.postgres.stop)

    @property
    def console(self) -> Console:
        """Where its superuser works."""
        return Console(self.postgres.url)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.postgres.port

    def url(self, port: int | None = None, *, host: str = "127.0.0.1") -> str:
        """The way of the role to its database, straight or through a port in front."""
        return f"postgresql://{ROLE}:{self.password}@{host}:{port or self.port}/{DATABASE}"

    async def start(self) -> None:
        """Start it, also after a crash, and wait until it takes connections."""
        await until(self._has_settled, seconds=_SETTLE_SECONDS)
        await asyncio.to_thread(self.postgres.start)

    async def kill(self) -> None:
        """Kill the server and all its processes, as the system does when memory runs out."""
        pid = self._postmaster()
        for each in [pid, *children(pid)]:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        await self._wait_until_gone()

    async def stop(self, how: signal.Signals) -> None:
        """Shut it down: SIGINT ends all sessions in order, SIGQUIT drops everything at once."""
        os.kill(self._postmaster(), how)
        await self._wait_until_gone()

    def is_running(self) -> bool:
        """Whether its first process lives."""
        return watch.find_postmaster(self.postgres.data_dir / watch.DATA) is not None

    def processes(self) -> list[int]:
        """The numbers of all its processes; empty when it is down."""
        running = watch.find_postmaster(self.postgres.data_dir / watch.DATA)
        return [] if running is None else [running.pid, *children(running.pid)]

    async def rotate(self) -> None:
        """Give the role another password; connections in place stay."""
        self.password = secrets.token_hex(8)
        await self.console.ask(f"ALTER ROLE {ROLE} PASSWORD '{verifier(self.password)}'")

    def log_count(self, words: str) -> int:
        """How often it has said something in its log."""
        return self.postgres.log_file.read_text(errors="replace").count(words)

    def _postmaster(self) -> int:
        running = watch.find_postmaster(self.postgres.data_dir / watch.DATA)
        assert running is not None, "the server is down already"
        return running.pid

    async def _has_settled(self) -> bool:
        """Whether it is down, or takes connections: after a panic it is neither for a while."""
        if not self.is_running():
            return True
        with suppress(asyncpg.PostgresError, OSError, EmbeddedError):
            await self.console.ask("SELECT 1")
            return True
        return False

    async def _wait_until_gone(self) -> None:
        async def has_gone() -> bool:
            return not self.is_running()

        await until(has_gone, seconds=_STOP_SECONDS)


def children(pid: int) -> list[int]:
    """The numbers of the processes that a process has started."""
    return [child for child, parent, _ in _processes() if parent == pid]


def serving(data: Path) -> list[int]:
    """The first processes of the servers of a data directory: one, or none."""
    return [pid for pid, _, command in _processes() if f" {data}" in command]


def workers(pid: int) -> list[int]:
    """The worker processes of a server of uvicorn."""
    return [
        child
        for child, parent, command in _processes()
        if parent == pid and "spawn_main" in command
    ]


def _processes() -> Iterable[tuple[int, int, str]]:
    listing = subprocess.run(
        ["/bin/ps", "-A", "-ww", "-o", "pid=,ppid=,command="],
        capture_output=True,
        text=True,
        check=True,
    )
    for line in listing.stdout.splitlines():
        pid, parent, command = line.split(maxsplit=2)
        yield int(pid), int(parent), command
