"""One run from its beginning to its end: databases, accounts, and the parts that are played."""

import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import asyncpg

from bench.speed import machine
from bench.speed.item import POOL_SIZE
from bench.speed.job import Job, Load
from bench.speed.peer import Peer
from bench.speed.play import Length, play
from bench.speed.result import conditions
from bench.speed.run import by_port, round_trip
from bench.speed.server import Launch, Server, launched
from bench.speed.setting import Setting
from bench.todo_speed.contestants import (
    BEFORE,
    BY_HAND,
    COMMIT,
    CONTESTANTS,
    TODO,
    Contestants,
    check_out,
    missing,
)
from bench.todo_speed.data import Data
from bench.todo_speed.databases import TodoDatabases
from bench.todo_speed.person import Person, sign_up
from bench.todo_speed.plans import Plans, has_auto_explain, preload
from bench.todo_speed.requests import Asking, Requests
from bench.todo_speed.result import FLAT, LINK, PARTS, SIZES, TodoResult, sized
from wellhead.embedded import EmbeddedPostgres
from wellhead.testing.proxy import TCPProxy

_OPTIONS = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "autovacuum": "off",
}
_CHECKED = 20

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        length: How long each part is.
        say: Hears how far it is.
        parts: Names from `PARTS`.
        sizes: Tasks of all users together, from small to large; the first is the base point's.
        quick: Whether dirty slots count, too, as this is only a trial.
        cores: Those of the server, and those of everything else.
    """

    length: Length
    say: Say
    parts: Sequence[str] = tuple(PARTS)
    sizes: Sequence[int] = SIZES
    quick: bool = False
    cores: tuple[set[int], set[int]] = field(default_factory=machine.cores)

    def begin(self) -> TodoResult:
        """A result without figures."""
        left_out = {peer.title: missing(peer) for peer in CONTESTANTS if missing(peer)}
        planned = [
            [PARTS[part].name, operation]
            for part in self.parts
            if part == "base"
            for operation in PARTS[part].operations
        ]
        return TodoResult(
            conditions=conditions(
                cores=os.cpu_count(),
                quick=self.quick,
                parts=list(self.parts),
                sizes=list(self.sizes),
                planned=planned,
                pool_size=POOL_SIZE,
                rounds=self.length.rounds,
                seconds=self.length.seconds,
                before=COMMIT,
            ),
            peers={peer.name: peer.title for peer in CONTESTANTS if peer.title not in left_out},
            left_out=left_out,
        )

    async def play(self, result: TodoResult, directory: Path) -> None:
        """Put all figures into the result, as they come.

        Args:
            result: From `begin`.
            directory: Where everything is to be; every account must be able to enter it.
        """
        before = directory / "before"
        if BEFORE.name in result.peers:
            check_out(before)
        contestants = Contestants(directory, before)
        async with AsyncExitStack() as stack:
            postgres = stack.enter_context(
                EmbeddedPostgres(directory / "postgres", durable=False, options=_OPTIONS)
            )
            result.conditions["postgres"] = postgres.version
            admin = await asyncpg.connect(postgres.url)
            stack.push_async_callback(admin.close)
            # The server has been reparented.
            pid = await admin.fetchval("SELECT pg_backend_pid()")
            ours = [os.getpid(), machine.Moment.now().processes[pid].parent]
            load = stack.enter_context(Load.started())
            databases = TodoDatabases(postgres.url, admin, contestants, self.say)
            stage = _Stage(self, result, contestants, databases, postgres, admin, load, ours)
            await stage.prepare()
            if {"base", "logins", "link"} & set(self.parts):
                await stage.play_contestants()
            if "flat" in self.parts:
                await stage.play_sizes()


@dataclass
class _Stage:
    """What stays up for all parts."""

    run: Run
    result: TodoResult
    contestants: Contestants
    databases: TodoDatabases
    postgres: EmbeddedPostgres
    admin: asyncpg.Connection
    load: Load
    ours: Sequence[int]
    person: Person = field(init=False)

    async def prepare(self) -> None:
        """Make a database without a task, with an account that the Todo API has made."""
        url = await self.databases.make_empty()
        async with self._serving([self.contestants.launch(TODO, url)]) as [server]:
            self.person = await sign_up(server)

    async def play_contestants(self) -> None:
        """Play what everybody takes part in, and the logins of the Todo API."""
        peers = [peer for peer in CONTESTANTS if peer.name in self.result.peers]
        smallest = self.run.sizes[0]
        urls = {peer: await self._filled(peer, peer.name, smallest) for peer in peers}
        async with AsyncExitStack() as stack:
            datas = await self._datas(urls.values(), stack)
            if {"base", "logins"} & set(self.run.parts):
                launches = [self.contestants.launch(peer, url) for peer, url in urls.items()]
                async with self._serving(launches) as servers:
                    await self._play("base", servers, datas)
                    await self._play("logins", servers[:1], datas[:1])
            if "link" in self.run.parts:
                await self._play_link({peer: urls[peer] for peer in (TODO, BY_HAND)}, datas[:2])

    async def play_sizes(self) -> None:
        """Play the Todo API on tables of all sizes."""
        names = {sized(size): size for size in self.run.sizes}
        urls = {name: await self._filled(TODO, name, size) for name, size in names.items()}
        explains = has_auto_explain(self.postgres.bin_dir)
        if not explains:
            self.result.left_out["rows read"] = "this PostgreSQL has no auto_explain"
        async with AsyncExitStack() as stack:
            for name in urls if explains else ():
                await preload(self.admin, name)
            datas = await self._datas(urls.values(), stack)
            launches = [self.contestants.launch(TODO, url, name=name) for name, url in urls.items()]
            servers = await stack.enter_async_context(self._serving(launches))
            asking = await self._play("flat", servers, datas)
            if explains:
                await self._count_rows(servers, asking, datas)

    async def _filled(self, peer: Peer, name: str, tasks: int) -> str:
        return await self.databases.make_filled(peer, name, tasks, self.person.id)

    async def _datas(self, urls: Iterable[str], stack: AsyncExitStack) -> list[Data]:
        return [
            await stack.enter_async_context(self.databases.data(url, self.person.id))
            for url in urls
        ]

    async def _play_link(self, urls: dict[Peer, str], datas: Sequence[Data]) -> None:
        async with TCPProxy("127.0.0.1", self.postgres.port) as proxy:
            launches = [
                self.contestants.launch(peer, by_port(url, proxy.port))
                for peer, url in urls.items()
            ]
            async with self._serving(launches) as servers:
                proxy.delay(LINK.link / 2000)
                link = await round_trip(by_port(self.postgres.url, proxy.port))
                self.result.links[str(LINK.link)] = link
                await self._play("link", servers, datas)

    async def _play(self, part: str, servers: Sequence[Server], datas: Sequence[Data]) -> Asking:
        """Play a part, where it is asked for."""
        asking = Asking(
            self.load,
            {
                server.port: Requests(self.person, await data.task_ids())
                for server, data in zip(servers, datas, strict=True)
            },
        )
        if part not in self.run.parts:
            return asking

        async def clear() -> None:
            for data in datas:
                await data.clear()

        began, setting = time.monotonic(), PARTS[part]
        await check(setting, servers, asking)
        await clear()
        slots = await play(setting, servers, self.run.length, asking, ours=self.ours, clear=clear)
        self.result.slots += slots
        dirty = sum(not slot.is_clean for slot in slots)
        took = time.monotonic() - began
        self.run.say(f"{part}: {len(slots)} slots, {dirty} of them dirty, {took:.0f} s")
        return asking

    async def _count_rows(
        self, servers: Sequence[Server], asking: Asking, datas: Sequence[Data]
    ) -> None:
        plans = Plans(self.postgres.log_file)
        for size, server, data in zip(self.run.sizes, servers, datas, strict=True):
            ask = {
                operation: partial(asking.play, Job(server.port, operation, 1, 0, 60.0, 1))
                for operation in FLAT.operations
            }
            async with plans.written(self.admin, ask["one"]):
                for operation in FLAT.operations:
                    rows = await plans.rows_of(ask[operation])
                    self.result.rows_read.setdefault(operation, {})[str(size)] = rows
            await data.clear()

    @asynccontextmanager
    async def _serving(self, launches: Sequence[Launch]) -> AsyncIterator[list[Server]]:
        directory, cores = self.contestants.directory, self.run.cores[0]
        async with launched(launches, cores=cores, logs=directory) as servers:
            yield servers


async def check(setting: Setting, servers: Sequence[Server], asking: Asking) -> None:
    """Make sure that each operation succeeds everywhere; that also warms it up.

    Raises:
        ValueError: One does not; how often is in the message.
    """
    for server in servers:
        for operation in setting.operations:
            met = await asking.play(
                Job(server.port, operation, setting.connections, 0, 60.0, _CHECKED)
            )
            if met.requests < _CHECKED:
                raise ValueError(f"{server.peer.name}, {operation}: {met}.")
