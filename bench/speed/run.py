"""One run from its beginning to its end: the database, the network, the stages."""

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench.speed import machine
from bench.speed.item import POOL_SIZE
from bench.speed.job import Job, Load
from bench.speed.peer import PEERS, Peer
from bench.speed.play import Length, play
from bench.speed.result import Result, conditions
from bench.speed.server import Server, serving
from bench.speed.setting import BOTH, Setting, stages
from bench.speed.table import Table, database_of, make
from tests.staging.passwords import check_password_cheaply
from tests.staging.pgbouncer import Kind, PgBouncer, missing
from wellhead.embedded import EmbeddedPostgres
from wellhead.testing.proxy import TCPProxy

POOLER = Kind("1.24", 200)
"""As Neon runs it: it tracks prepared statements."""

_COUNTED, _SETTLES = 20, 0.3
_OPTIONS = {"max_connections": "600", "shared_buffers": "256MB", "autovacuum": "off"}
_BACKEND = "SELECT pg_backend_pid()"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        settings: What is played.
        length: How long.
        say: Hears how far it is.
        peers: Who is measured, where their packages are present.
        quick: Whether dirty slots count, too, as this is only a trial.
        cores: Those of the server, and those of everything else.
    """

    settings: Sequence[Setting]
    length: Length
    say: Say
    peers: Sequence[Peer] = PEERS
    quick: bool = False
    cores: tuple[set[int], set[int]] = field(default_factory=machine.cores)

    def begin(self) -> Result:
        """A result without figures."""
        planned = [
            [setting.name, operation]
            for setting in self._settings
            for operation in setting.operations
        ]
        result = Result(
            conditions=conditions(
                cores=os.cpu_count(),
                quick=self.quick,
                planned=planned,
                pool_size=POOL_SIZE,
                rounds=self.length.rounds,
                seconds=self.length.seconds,
                pooler=POOLER.version,
            ),
            peers={peer.name: peer.title for peer in self._present},
            left_out={peer.title: peer.missing for peer in self.peers if peer.missing},
        )
        if len(self._settings) < len(self.settings):
            result.left_out["PgBouncer"] = "`make poolers` has not been run"
        return result

    async def play(self, result: Result, directory: Path) -> None:
        """Put all figures into the result, as they come.

        Args:
            result: From `begin`.
            directory: Where everything is to lie; every account must be able to enter it.
        """
        served, rest = self.cores
        with (
            EmbeddedPostgres(directory / "postgres", durable=False, options=_OPTIONS) as postgres,
            Load.started() as load,
        ):
            result.conditions["postgres"] = postgres.version
            for rows in sorted({setting.rows for setting in self._settings}):
                await make(postgres.url, rows)
            for stage, settings in stages(self._settings):
                place = _Stage(stage, postgres, load, directory, result)
                cores = served if stage.workers == 1 else served | rest
                async with place.open(self._present, cores) as servers:
                    await self._play_on(place, servers, settings)

    @property
    def _present(self) -> list[Peer]:
        return [peer for peer in self.peers if not peer.missing]

    @property
    def _settings(self) -> list[Setting]:
        has_pooler = POOLER.version not in missing()
        return [setting for setting in self.settings if has_pooler or not setting.pooler]

    async def _play_on(
        self, place: "_Stage", servers: list[Server], settings: list[Setting]
    ) -> None:
        for setting in settings:
            began = time.monotonic()
            if setting.link:
                await place.stretch(setting.link)
            slots = await play(
                setting,
                servers,
                self.length.of(setting),
                place.load,
                ours=place.processes,
                clear=place.table.clear,
            )
            place.result.slots += slots
            dirty = sum(not slot.is_clean for slot in slots)
            took = time.monotonic() - began
            self.say(f"{setting.name}: {len(slots)} slots, {dirty} of them dirty, {took:.0f} s")


class _Stage:
    """What stays up while some settings are played."""

    def __init__(
        self,
        stage: Setting,
        postgres: EmbeddedPostgres,
        load: Load,
        directory: Path,
        result: Result,
    ) -> None:
        self._stage = stage
        self._postgres = postgres
        self._directory = directory
        self._proxy: TCPProxy | None = None
        self.load = load
        self.result = result
        self.table: Table
        self.processes: list[int]

    @asynccontextmanager
    async def open(self, peers: Sequence[Peer], cores: set[int]) -> AsyncIterator[list[Server]]:
        """Start the peers on it, and make sure that they answer alike."""
        straight = database_of(self._postgres.url, self._stage.rows)
        async with AsyncExitStack() as stack:
            url = await self._way(straight, stack)
            connection = await asyncpg.connect(straight)
            stack.push_async_callback(connection.close)
            self.table = Table(connection, self._stage.rows)
            # The server has been reparented.
            backend = machine.Moment.now().processes[await connection.fetchval(_BACKEND)]
            self.processes = [os.getpid(), backend.parent]
            servers = await stack.enter_async_context(
                serving(
                    peers,
                    url,
                    workers=self._stage.workers,
                    pooler=self._stage.pooler,
                    cores=cores,
                    logs=self._directory,
                )
            )
            await self.table.compare(servers)
            if self._proxy is not None:
                await self._count(servers, self._proxy)
            yield servers

    async def _way(self, straight: str, stack: AsyncExitStack) -> str:
        if self._stage.pooler:
            check_password_cheaply(straight)
            pooler = stack.enter_context(
                PgBouncer(
                    POOLER,
                    straight,
                    self._directory,
                    pool_size=100,
                    options={"max_client_conn": "1000"},
                )
            )
            return by_port(straight, pooler.port)
        if self._stage.link:
            self._proxy = await stack.enter_async_context(
                TCPProxy("127.0.0.1", self._postgres.port)
            )
            return by_port(straight, self._proxy.port)
        return straight

    async def stretch(self, milliseconds: int) -> None:
        """Make the way to the database so long, there and back, and measure it."""
        assert self._proxy is not None  # noqa: S101 - such a setting has a stage with a link
        self._proxy.delay(milliseconds / 2000)
        url = by_port(self._postgres.url, self._proxy.port)
        self.result.links[str(milliseconds)] = await round_trip(url)

    async def _count(self, servers: Sequence[Server], proxy: TCPProxy) -> None:
        for server in servers:
            counted = {}
            for operation in BOTH:
                job = Job(server.port, operation, 1, self._stage.rows, 60.0, _COUNTED)
                await self.load.play(job)
                # Some are not done with the database when they have answered.
                await asyncio.sleep(_SETTLES)
                proxy.reset()
                await self.load.play(job)
                await asyncio.sleep(_SETTLES)
                counted[operation] = proxy.round_trips / _COUNTED
            self.result.round_trips[server.peer.name] = counted
            await self.table.clear()


async def round_trip(url: str) -> float:
    """The median time of a bare query, in milliseconds."""
    connection = await asyncpg.connect(url)
    await connection.fetchval("SELECT 1")
    times = []
    for _ in range(_COUNTED):
        began = time.perf_counter()
        await connection.fetchval("SELECT 1")
        times.append((time.perf_counter() - began) * 1000)
    await connection.close()
    return statistics.median(times)


def by_port(url: str, port: int) -> str:
    """The URL with another port of this machine."""
    parts = urlsplit(url)
    place = f"{parts.username}:{parts.password}@127.0.0.1:{port}"
    return urlunsplit(parts._replace(netloc=place))
