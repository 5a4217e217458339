"""Streaming replication, staged: a primary, and standbys that replay what it wrote."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg

from tests.staging.embedded import crash, postmaster
from tests.staging.passwords import check_password_cheaply
from tests.staging.patience import until
from tests.staging.ports import reserve_port
from wellhead.embedded import EmbeddedPostgres
from wellhead.embedded.home import State, prepare_home

_USER = "wellhead"
_OPTIONS = {
    # What a client was told is on the disk and on its way to the standbys.
    "synchronous_commit": "on",
    # A standby that was away for a while finds everything it missed.
    "wal_keep_size": "1GB",
    "wal_retrieve_retry_interval": "50ms",
}


class StreamingServer:
    """One PostgreSQL that sends its log to others, on a port of 127.0.0.1 that it keeps.

    Args:
        directory: Where its data is to be; every account must be able to enter it.
        options: Further settings of ``postgresql.conf``.

    Attributes:
        postgres: The server itself.
        port: The port it listens on, also while it is down.
        url: Its database as its superuser, with the password; valid after the first start.
    """

    def __init__(self, directory: Path, options: Mapping[str, str]) -> None:
        self.port = reserve_port()
        self.postgres = EmbeddedPostgres(
            directory, port=self.port, user=_USER, durable=False, options={**_OPTIONS, **options}
        )
        self.url = ""

    def __enter__(self) -> Self:
        self.postgres.start()
        self.url = self.postgres.url
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.postgres.stop()

    async def start(self) -> None:
        """Start it, also after a crash, and wait until it takes connections."""
        if postmaster(self.postgres.data_dir) is None:
            await asyncio.to_thread(self.postgres.start)

    async def stop(self) -> None:
        """Shut it down in order: its connections end, and its standbys get the rest of the log."""
        await asyncio.to_thread(self.postgres.stop)

    async def kill(self) -> None:
        """Kill it, as the system does when memory runs out."""
        await asyncio.to_thread(crash, self.postgres)

    async def ask(self, sql: str, *values: object) -> Any:
        """The first value that a statement returns, on a connection of its own."""
        connection = await asyncpg.connect(self.url, ssl=False)
        try:
            return await connection.fetchval(sql, *values)
        finally:
            await connection.close()

    async def written(self) -> str:
        """The LSN up to which a primary has written its log."""
        lsn: str = await self.ask("SELECT pg_current_wal_lsn()::text")
        return lsn


class Standby(StreamingServer):
    """A copy of a server that follows it, or follows another copy.

    Args:
        directory: Where its data is to be; every account must be able to enter it.
        origin: The running server that is copied.
        upstream: The URL of the server that it gets the log from; None for that of `origin`.
        options: Further settings of ``postgresql.conf``.
    """

    def __init__(
        self,
        directory: Path,
        origin: EmbeddedPostgres,
        *,
        upstream: str | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._directory = directory
        self._origin = origin
        self._upstream = upstream
        super().__init__(directory, options or {})

    def __enter__(self) -> Self:
        self._copy()
        return super().__enter__()

    async def pause_replay(self) -> None:
        """Stop replaying, and wait until it has stopped; what arrives is kept.

        A restart resumes it.
        """
        await self.ask("SELECT pg_wal_replay_pause()")
        await until(lambda: self.ask("SELECT pg_get_wal_replay_pause_state() = 'paused'"))

    async def resume_replay(self) -> None:
        """Go on with replaying."""
        await self.ask("SELECT pg_wal_replay_resume()")

    async def has_replayed(self, lsn: str) -> bool:
        """Whether its queries see what was committed up to this LSN."""
        query = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn"
        has_replayed: bool = await self.ask(query, lsn)
        return has_replayed

    async def wait_for(self, lsn: str) -> None:
        """Return once its queries see what was committed up to this LSN."""
        await until(lambda: self.has_replayed(lsn))

    async def follow(self, upstream: StreamingServer) -> None:
        """Get the log from another server from now on."""
        await self.ask(f"ALTER SYSTEM SET {_following(upstream.url)}")
        await self.ask("SELECT pg_reload_conf()")

    async def promote(self) -> None:
        """Make it a server that takes writes; wait until it does."""
        assert await self.ask("SELECT pg_promote()")

    def _copy(self) -> None:
        source = self._origin
        home = prepare_home(self._directory)
        home.save(State(_USER, source.password, self.port))
        done = home.account.run(
            source.bin_dir / "pg_basebackup",
            *("--dbname", source.url, "--pgdata", home.data),
            *("--wal-method=stream", "--checkpoint=fast", "--no-sync"),
        )
        assert done.returncode == 0, done.stdout
        home.account.write(home.data / "standby.signal", "")
        upstream = _following(self._upstream or source.url)
        home.account.write(home.data / "postgresql.auto.conf", upstream)


class Replication:
    """A primary and its standbys, all running.

    Args:
        directory: Where their data is to be; every account must be able to enter it.
        standbys: How many.
        options: Further settings of the primary.

    Attributes:
        primary: The server that takes writes.
        standbys: Those that follow it.
    """

    def __init__(
        self, directory: Path, *, standbys: int = 2, options: Mapping[str, str] | None = None
    ) -> None:
        self._directory = directory
        self._stack = ExitStack()
        self.primary = StreamingServer(directory / "primary", options or {})
        self.standbys = [
            Standby(directory / f"standby-{number}", self.primary.postgres)
            for number in range(standbys)
        ]

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._directory.mkdir()
            stack.enter_context(self.primary)
            check_password_cheaply(self.primary.url)
            for standby in self.standbys:
                stack.enter_context(standby)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @asynccontextmanager
    async def cascaded(self, upstream: Standby) -> AsyncIterator[Standby]:
        """A further standby, which gets the log from a standby; it is no part of `standbys`."""
        directory = self._directory / f"cascaded-{secrets.token_hex(4)}"
        standby = Standby(directory, self.primary.postgres, upstream=upstream.url)
        await asyncio.to_thread(standby.__enter__)
        try:
            yield standby
        finally:
            await standby.stop()

    async def catch_up(self) -> None:
        """Return once all standbys have replayed what the primary has written by now."""
        lsn = await self.primary.written()
        await asyncio.gather(*(standby.wait_for(lsn) for standby in self.standbys))

    async def restore(self) -> None:
        """Start what is down, replay what is paused, and wait until all standbys have caught up.

        After a promotion there is no way back: a test that promotes takes a replication of its own.
        """
        await self.primary.start()
        for standby in self.standbys:
            await standby.start()
            await standby.resume_replay()
        await self.catch_up()


def _following(url: str) -> str:
    return f"primary_conninfo = '{url}'"
