"""Real PgBouncers in transaction mode, an old one and a new one, in front of the test's server."""

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from tests.staging.passwords import verifier
from tests.staging.ports import reserve_port
from wellhead.embedded.account import server_account

HOME = Path(__file__).parents[2] / ".poolers"
VERSIONS = ("1.18", "1.24")

_CONFIGURATION = """\
[databases]
* = host={host} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {pool_size}
server_round_robin = 1
{more}
"""


def missing() -> list[str]:
    """The versions that are not installed."""
    return [version for version in VERSIONS if not (HOME / version / "pgbouncer").is_file()]


@dataclass(frozen=True, slots=True)
class Kind:
    """A PgBouncer as it may be met.

    Attributes:
        version: Which one; see `VERSIONS`.
        max_prepared_statements: How many prepared statements of each client it tracks; None
            where it does not know the setting.
    """

    version: str
    max_prepared_statements: int | None

    def __str__(self) -> str:
        tracked = self.max_prepared_statements
        return f"{self.version}" if tracked is None else f"{self.version}-tracks-{tracked}"


class PgBouncer:
    """A PgBouncer on a free port of 127.0.0.1, with few connections to the server.

    It hands the server's connections round, so that two transactions of a client seldom meet the
    same one.

    Args:
        kind: Which.
        server_url: The server behind it, with its user and password; see `verifier`.
        directory: Where its files are to lie.
        pool_size: Connections to the server.
        options: Further settings.
        port: Where it listens; None takes a free port.

    Attributes:
        kind: Which.
        log: What it says, since it was started last.
    """

    def __init__(
        self,
        kind: Kind,
        server_url: str,
        directory: Path,
        *,
        pool_size: int = 5,
        options: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        self.kind = kind
        self._server = urlsplit(server_url)
        self._directory = directory
        self._pool_size = pool_size
        self._options = {"max_client_conn": "200", **(options or {})}
        self.log = directory / "pgbouncer.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = port or reserve_port()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def port(self) -> int:
        """The port it listens on; the same after a restart."""
        return self._port

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        program = HOME / self.kind.version / "pgbouncer"
        with self.log.open("wb") as log:
            # Not a pipe: if it is not read, PgBouncer stops at its next line of log.
            self._process = subprocess.Popen(
                [program, self._write_configuration()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            )
        while "process up: PgBouncer" not in self.log.read_text():
            assert self._process.poll() is None, self.log.read_text()
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once, with every connection through it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def succeed(self) -> "PgBouncer":
        """Start another one that shares the port, for which both need ``so_reuseport``."""
        directory = self._directory.with_name(f"{self._directory.name}-next")
        directory.mkdir()
        successor = PgBouncer(
            self.kind,
            self._server.geturl(),
            directory,
            pool_size=self._pool_size,
            options=self._options,
            port=self._port,
        )
        successor.start()
        return successor

    def retire(self) -> None:
        """Let it take no more clients, and end with the last of those that it has.

        SIGTERM does that since PgBouncer 1.23; before, it drops them.
        """
        assert self._process is not None
        self._process.terminate()

    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self._process is None or self._process.poll() is not None

    def url(self, server_url: str) -> str:
        """The way to a database of the server through the pooler."""
        parts = urlsplit(server_url)
        place = f"{parts.username}:{parts.password}@127.0.0.1:{self._port}"
        return urlunsplit(parts._replace(netloc=place, query="pgbouncer=true"))

    def _write_configuration(self) -> Path:
        users = self._directory / "users.txt"
        # The server keeps the same, and takes it for the password.
        kept = verifier(self._server.password or "")
        users.write_text(f'"{self._server.username}" "{kept}"\n')
        more = [f"{name} = {value}" for name, value in self._options.items()]
        if self.kind.max_prepared_statements is not None:
            more.append(f"max_prepared_statements = {self.kind.max_prepared_statements}")
        if os.geteuid() == 0:
            # It refuses to stay root.
            account = server_account()
            more.append(f"user = {account.name}")
        configuration = self._directory / "pgbouncer.ini"
        configuration.write_text(
            _CONFIGURATION.format(
                host=self._server.hostname,
                port=self._server.port,
                listen_port=self._port,
                users=users,
                pool_size=self._pool_size,
                more="\n".join(more),
            )
        )
        return configuration
