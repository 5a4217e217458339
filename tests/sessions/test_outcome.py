"""What a server says of a transaction's id, and when that is not to be trusted."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import asyncpg
import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.staging.patience import until
from tests.staging.proxy import COMMIT, TCPProxy
from wellhead import CommitUnknownError, Database, DatabaseSettings
from wellhead.embedded import EmbeddedPostgres
from wellhead.embedded.watch import DATA, find_postmaster
from wellhead.sessions.outcome import Outcome, Ticket


@pytest.mark.parametrize(
    ("status", "server_run", "outcome"),
    [
        ("committed", "this", Outcome.COMMITTED),
        ("aborted", "this", Outcome.ROLLED_BACK),
        ("in progress", "this", Outcome.PENDING),
        ("not given", "this", Outcome.PENDING),
        (None, "this", Outcome.AMBIGUOUS),
        ("standby", "this", Outcome.PENDING),
        ("committed", "another", Outcome.AMBIGUOUS),
        ("aborted", "another", Outcome.ROLLED_BACK),
        # It was lost, and nobody has it yet.
        ("not given", "another", Outcome.ROLLED_BACK),
        # A stranger has it; or it is ours, and somebody has only reset the statistics.
        ("in progress", "another", Outcome.PENDING),
        (None, "another", Outcome.AMBIGUOUS),
        ("standby", "another", Outcome.PENDING),
    ],
)
def test_only_a_commit_of_the_same_run_is_sure_to_be_ours(
    status: str | None, server_run: str, outcome: Outcome
) -> None:
    assert Ticket("1", "this").judge(status, server_run) is outcome


@pytest.fixture(scope="module")
def forgetful(public_directory: Path) -> Iterator[EmbeddedPostgres]:
    """A server that writes to the disk only when it must, as every server may."""
    options = {"wal_writer_delay": "10s", "autovacuum": "off", "bgwriter_delay": "10s"}
    with EmbeddedPostgres(public_directory / "forgetful", options=options) as server:
        yield server


def processes_of(server: EmbeddedPostgres) -> list[int]:
    """The postmaster and its children."""
    postmaster = find_postmaster(server.data_dir / DATA)
    assert postmaster is not None
    children = Path(f"/proc/{postmaster.pid}/task/{postmaster.pid}/children").read_text()
    return [postmaster.pid, *map(int, children.split())]


def kill_everything(server: EmbeddedPostgres, backend: int) -> None:
    """Kill every process at once, as a machine that loses its power, and start again."""
    assert backend in processes_of(server)
    for pid in processes_of(server):
        os.kill(pid, signal.SIGKILL)
    server.start()


def kill_backend(server: EmbeddedPostgres, backend: int) -> None:
    """Kill one backend, after which the postmaster lets the whole server recover."""
    assert backend in processes_of(server)
    os.kill(backend, signal.SIGKILL)


Crash = Callable[[EmbeddedPostgres, int], None]

every_crash = pytest.mark.parametrize(
    "crash", [kill_everything, kill_backend], ids=["every process", "one backend"]
)


@dataclass
class Work:
    """A unit of work that remembers its last transaction.

    Attributes:
        attempts: How often it ran.
        xid: The transaction's id.
        backend: The process that had it open.
        started: When that process's postmaster had started.
    """

    attempts: int = 0
    xid: int = 0
    backend: int = 0
    started: str = ""

    async def __call__(self, session: AsyncSession) -> int:
        self.attempts += 1
        connection = await session.connection()
        await connection.execute(text("INSERT INTO ours VALUES (1)"))
        row = await connection.execute(text(WHO))
        self.xid, self.backend, self.started = row.one()
        return self.attempts


WHO = (
    "SELECT pg_current_xact_id()::text::bigint, pg_backend_pid(), pg_postmaster_start_time()::text"
)


async def connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Connect as soon as the server has recovered."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await asyncpg.connect(url)
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.05)


async def spend_ids(url: str, upto: int) -> None:
    """Commit strangers' transactions until one has had this id."""
    connection = await connect(url)
    try:
        while await connection.fetchval("SELECT pg_current_xact_id()::text::bigint") < upto:
            pass
    finally:
        await connection.close()


@pytest.fixture
async def proxy(forgetful: EmbeddedPostgres) -> AsyncIterator[TCPProxy]:
    async with TCPProxy("127.0.0.1", forgetful.port) as proxy:
        yield proxy


@pytest.fixture
async def database(forgetful: EmbeddedPostgres, proxy: TCPProxy) -> AsyncIterator[Database]:
    """A database on the forgetful server, with tables that are on its disk."""
    admin = await asyncpg.connect(forgetful.url)
    await admin.execute("CREATE TABLE IF NOT EXISTS ours (n int); TRUNCATE ours; CHECKPOINT")
    await admin.close()
    url = forgetful.url.replace(f":{forgetful.port}/", f":{proxy.port}/")
    async with Database(DatabaseSettings(url=url, pool_timeout=50)) as database:
        yield database


@dataclass
class Lost:
    """A unit of work whose COMMIT got lost, while the server had its transaction open."""

    work: Work
    running: "asyncio.Task[int]"
    proxy: TCPProxy

    @classmethod
    async def begin(cls, database: Database, proxy: TCPProxy) -> Self:
        """Let a COMMIT get lost, and nobody ask what became of it yet."""
        work = Work()
        broken = proxy.break_at(COMMIT, passes=False, is_noticed=False)
        running = asyncio.create_task(database.run(work, deadline=60, resolve_commit=True))
        await broken.wait()
        await proxy.refuse()
        return cls(work, running, proxy)

    async def end(self) -> int:
        """Let it be asked."""
        await self.proxy.accept()
        return await self.running


async def status(url: str, xid: int) -> tuple[str, str]:
    connection = await connect(url)
    try:
        row = await connection.fetchrow(
            "SELECT pg_xact_status($1::text::xid8), pg_postmaster_start_time()::text", str(xid)
        )
        assert row is not None
        return row[0], row[1]
    finally:
        await connection.close()


@every_crash
async def test_after_a_crash_an_id_may_be_a_strangers_and_is_not_believed(
    forgetful: EmbeddedPostgres, database: Database, proxy: TCPProxy, crash: Crash
) -> None:
    lost = await Lost.begin(database, proxy)
    await asyncio.to_thread(crash, forgetful, lost.work.backend)
    await spend_ids(forgetful.url, upto=lost.work.xid)
    said, started = await status(forgetful.url, lost.work.xid)
    with pytest.raises(CommitUnknownError, match="may be another transaction's"):
        await lost.end()

    # What the server says is true of somebody else, and its start alone does not give it away.
    assert said == "committed"
    assert (started == lost.work.started) == (crash is kill_backend)
    assert lost.work.attempts == 1
    assert await rows(forgetful.url) == 0


@every_crash
async def test_after_a_crash_that_lost_the_transaction_the_work_runs_again(
    forgetful: EmbeddedPostgres, database: Database, proxy: TCPProxy, crash: Crash
) -> None:
    lost = await Lost.begin(database, proxy)
    await asyncio.to_thread(crash, forgetful, lost.work.backend)

    assert await lost.end() == 2
    assert await rows(forgetful.url) == 1


async def test_a_transaction_that_reached_the_disk_and_ended_with_the_server_is_rolled_back(
    forgetful: EmbeddedPostgres, database: Database, proxy: TCPProxy
) -> None:
    lost = await Lost.begin(database, proxy)
    # A stranger's COMMIT takes the open transaction's first record to the disk with it.
    stranger = await connect(forgetful.url)
    await stranger.execute(f"CREATE TABLE theirs_{lost.work.xid} ()")
    await stranger.close()
    await asyncio.to_thread(kill_everything, forgetful, lost.work.backend)
    said, _ = await status(forgetful.url, lost.work.xid)

    assert said == "aborted"
    assert await lost.end() == 2
    assert await rows(forgetful.url) == 1


async def test_a_reset_of_the_statistics_is_not_taken_for_the_end_of_the_transaction(
    forgetful: EmbeddedPostgres, database: Database, proxy: TCPProxy
) -> None:
    lost = await Lost.begin(database, proxy)
    admin = await connect(forgetful.url)
    await admin.execute("SELECT pg_stat_reset_shared('bgwriter')")
    ending = asyncio.create_task(lost.end())
    asked = proxy.round_trips
    await until(lambda: proxy.round_trips > asked + 10)
    waits = not ending.done()
    await admin.execute("SELECT pg_terminate_backend($1, 5000)", lost.work.backend)
    await admin.close()

    assert await ending == 2
    assert waits
    assert await rows(forgetful.url) == 1


async def rows(url: str) -> int:
    connection = await connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM ours"))
    finally:
        await connection.close()
