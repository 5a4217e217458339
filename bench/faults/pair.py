"""A primary and its synchronous standby, and what happens when the primary dies."""

import asyncio
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from bench.faults.console import DATABASE, ROLE, Console
from bench.faults.server import OPTIONS, Server
from tests.staging.patience import until
from tests.staging.streaming import Standby

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
        self._standby = Standby(directory / "standby", primary.postgres, options=OPTIONS)

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._standby.__enter__)
        primary = self._primary.console
        await primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await primary.ask("SELECT pg_reload_conf()")
        synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        await until(lambda: primary.ask(synchronous), seconds=_SECONDS)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._standby.stop()

    @property
    def console(self) -> Console:
        """Where the superuser of the standby works."""
        return Console(self._standby.url)

    def url(self, scheme: str, *, is_sqlalchemy: bool) -> str:
        """Both hosts, and that only the one is wanted that takes writes."""
        hosts = [f"127.0.0.1:{port}" for port in (self._primary.port, self._standby.port)]
        who = f"{ROLE}:{self._primary.password}"
        wish = ("target_session_attrs", "read-write")
        if is_sqlalchemy:
            query = urlencode([*(("host", host) for host in hosts), wish], safe=":")
            return f"{scheme}://{who}@/{DATABASE}?{query}"
        return f"{scheme}://{who}@{','.join(hosts)}/{DATABASE}?{urlencode([wish])}"

    async def promote(self) -> None:
        """Make the standby the server that takes writes; wait until it does."""
        await self._standby.promote()
