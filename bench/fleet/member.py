"""A member of a fleet: a PostgreSQL, and the Patroni that makes it the primary or a replica."""

import asyncio
import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2

from bench.faults.server import children, serving
from bench.fleet.network import Place
from bench.fleet.program import Program
from bench.fleet.programs import PATRONI
from tests.staging.patience import until
from tests.staging.ports import reserve_port
from wellhead.embedded.account import Account, server_account
from wellhead.embedded.binaries import find_binaries

SUPERUSER, PASSWORD = "postgres", "superuser-of-the-fleet"

_REPLICATION = {"username": "replicator", "password": "replicator-of-the-fleet"}

# The shortest times that Patroni accepts. Without etcd, a primary stays one while it reaches every
# replica (failsafe_mode).
_RULES = {
    "ttl": 20,
    "loop_wait": 1,
    "retry_timeout": 3,
    "failsafe_mode": True,
    "postgresql": {
        "use_pg_rewind": True,
        "parameters": {
            "max_connections": "150",
            "shared_buffers": "32MB",
            "unix_socket_directories": "",
            # Nothing of it is left in the system after `kill -9`.
            "dynamic_shared_memory_type": "mmap",
            "wal_keep_size": "64MB",
            "min_wal_size": "48MB",
            "max_wal_size": "128MB",
            # The time in seconds, as programs read it.
            "log_line_prefix": "%n ",
            # It also says what it is told to say (bench.fleet.faults.server_logs), and not by whom.
            "log_error_verbosity": "terse",
            "log_min_error_statement": "fatal",
        },
    },
}
_HBA = (
    "host all all samenet scram-sha-256",
    f"host replication {_REPLICATION['username']} samenet scram-sha-256",
)


class Member:
    """One of the servers of a fleet.

    Args:
        name: What the others call it.
        directory: Where its data and its logs are to be.
        place: Where it is to listen.
        etcd: Where the members agree: host and port.
        is_synchronous: Whether a commit waits for one replica.

    Attributes:
        name: What the others call it.
        log: The file in which its Patroni and its PostgreSQL say what they do.
        host: Where it listens.
        port: Where its PostgreSQL listens.
        rest_port: Where its Patroni says what it is, and takes orders.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        place: Place,
        etcd: str,
        *,
        is_synchronous: bool,
    ) -> None:
        self.name = name
        self.host = place.host
        self.port = reserve_port()
        self.rest_port = reserve_port()
        self._home = directory / name
        self._data = self._home / "data"
        self.log = self._home / "patroni.log"
        self._is_synchronous = is_synchronous
        self._account = server_account()
        self._binaries = find_binaries(None, self._account)
        self._etcd = etcd
        self._program = Program(
            (*place.enter, *_identity(self._account), PATRONI, self._home / "patroni.json"),
            self.log,
            # Killed while it runs initdb, Patroni leaves a file with the password behind.
            environment={
                **self._binaries.environment,
                "HOME": str(self._home),
                "TMPDIR": str(self._home),
            },
        )

    @property
    def address(self) -> str:
        """Where its PostgreSQL is reached: host and port."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The superuser's way to this server."""
        return f"postgresql://{SUPERUSER}:{PASSWORD}@{self.address}/postgres"

    def start(self) -> None:
        """Start it, also after `kill`; returns at once, and the fleet says when it is ready."""
        self._home.mkdir(exist_ok=True)
        self._account.give(self._home, mode=0o700)
        self._account.write(self._home / "patroni.json", json.dumps(self._settings()))
        self._program.start()

    def check(self) -> None:
        """Make sure that its Patroni runs.

        Raises:
            RuntimeError: It has ended by itself.
        """
        self._program.check()

    async def kill(self) -> None:
        """Kill Patroni and every process of PostgreSQL, as the loss of the machine does."""
        await self._program.kill()
        for pid in self._postmasters():
            for each in [pid, *children(pid)]:
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
        await until(self._is_down)

    def freeze(self) -> None:
        """Stop its Patroni by SIGSTOP, so that nobody minds its PostgreSQL, which goes on."""
        self._program.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let its Patroni go on."""
        self._program.send(signal.SIGCONT)

    async def end(self) -> None:
        """End it quickly and leave nothing behind; its data is of no use any more."""
        await self._program.kill()
        for pid in self._postmasters():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
        await until(self._is_down)

    async def ask(self, method: str, path: str, body: object = None) -> httpx2.Response | None:
        """What its Patroni says; None where it says nothing."""
        try:
            async with httpx2.AsyncClient(trust_env=False, timeout=30, verify=False) as client:
                url = f"http://{self.host}:{self.rest_port}{path}"
                return await client.request(method, url, json=body)
        except httpx2.HTTPError:
            return None

    async def is_primary(self) -> bool:
        """Whether it takes writes, and holds the lock that says so."""
        response = await self.ask("GET", "/primary")
        return response is not None and response.is_success

    def _postmasters(self) -> list[int]:
        return serving(self._data)

    async def _is_down(self) -> bool:
        return not await asyncio.to_thread(self._postmasters)

    def _settings(self) -> dict[str, Any]:
        """What Patroni reads; JSON is YAML."""
        rest = f"{self.host}:{self.rest_port}"
        return {
            "scope": "fleet",
            "name": self.name,
            "etcd3": {"host": self._etcd},
            "restapi": {"listen": rest, "connect_address": rest},
            "bootstrap": {
                "dcs": {**_RULES, "synchronous_mode": self._is_synchronous},
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
            },
            "postgresql": {
                "listen": self.address,
                "connect_address": self.address,
                "data_dir": str(self._data),
                "bin_dir": str(self._binaries.bin_dir),
                "pgpass": str(self._home / "pgpass"),
                "pg_hba": _HBA,
                "authentication": {
                    "superuser": {"username": SUPERUSER, "password": PASSWORD},
                    "replication": _REPLICATION,
                },
            },
        }


def _identity(account: Account) -> tuple[str, ...]:
    """What runs a command as an account that is not ours.

    It may read what root may: Patroni's Python can be where the account has no access.
    """
    if account.is_ours:
        return ()
    return (
        "setpriv",
        *(f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"),
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
    )
