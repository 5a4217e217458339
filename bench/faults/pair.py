"""A primary and its synchronous standby, and what happens when the primary dies."""

import asyncio
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from bench.faults.console import DATABASE, ROLE, Console
from bench.faults.server import Server
from tests.staging.patience import until
from wellhead.embedded import watch
from wellhead.embedded.account import server_account
from wellhead.embedded.binaries import find_binaries
from wellhead.embedded.ports import quiet_port

_STANDBY = "standby"
_SECONDS = 120.0


class Pair:
    """A standby for a server, by which every commit is confirmed before it is answered.

    With asynchronous replication a failover may lose what was acknowledged, whatever the client
    does; so the primary waits for the standby (``synchronous_standby_names``).

    Args:
        primary: The server, running.
        directory: Where the standby's data is to lie.
    """

    def __init__(self, primary: Server, directory: Path) -> None:
        self._primary = primary
        self._directory = directory / _STANDBY
        self._data = self._directory / watch.DATA
        self._account = server_account(primary.postgres.data_dir)
        self._binaries = find_binaries(None, self._account)
        self._port = quiet_port()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._copy_and_start)
        primary = self._primary.console
        await primary.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{_STANDBY}'")
        await primary.ask("SELECT pg_reload_conf()")
        synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        await until(lambda: primary.ask(synchronous), seconds=_SECONDS)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await asyncio.to_thread(watch.stop_postmaster, self._data)

    @property
    def console(self) -> Console:
        """Where the superuser of the standby works."""
        url = self._primary.postgres.url
        return Console(url.replace(f":{self._primary.port}/", f":{self._port}/"))

    def url(self, scheme: str, *, is_sqlalchemy: bool) -> str:
        """Both hosts, and that only the one is wanted that takes writes."""
        hosts = [f"127.0.0.1:{port}" for port in (self._primary.port, self._port)]
        who = f"{ROLE}:{self._primary.password}"
        wish = ("target_session_attrs", "read-write")
        if is_sqlalchemy:
            query = urlencode([*(("host", host) for host in hosts), wish], safe=":")
            return f"{scheme}://{who}@/{DATABASE}?{query}"
        return f"{scheme}://{who}@{','.join(hosts)}/{DATABASE}?{urlencode([wish])}"

    async def promote(self) -> None:
        """Make the standby the server that takes writes; wait until it does."""
        assert await self.console.ask("SELECT pg_promote()")

    def _copy_and_start(self) -> None:
        self._directory.mkdir()
        self._account.give(self._directory, mode=0o700)
        source = f"{self._primary.postgres.url}?application_name={_STANDBY}"
        self._run(
            "pg_basebackup",
            *("--dbname", source, "--pgdata", self._data),
            *("--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast"),
        )
        # It has the primary's settings; the command line has what must differ.
        options = f"-c port={self._port} -c synchronous_standby_names="
        self._run(
            "pg_ctl",
            *("start", "--wait", "--pgdata", self._data, "--options", options),
            *("--log", self._directory / "server.log"),
        )

    def _run(self, program: str, *arguments: Path | str) -> None:
        done = self._account.run(
            self._binaries.bin_dir / program, *arguments, environment=self._binaries.environment
        )
        assert done.returncode == 0, done.stdout
