"""What stays up for all parts of a run, and the parts that compare contestants and sizes."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import asyncpg

from bench.speed.job import Job, Load
from bench.speed.peer import Peer
from bench.speed.play import Length, play
from bench.speed.run import by_port, round_trip
from bench.speed.server import Launch, Server, launched
from bench.todo_speed.asking import Asking, check
from bench.todo_speed.contestants import BY_HAND, CONTESTANTS, TODO, Contestants
from bench.todo_speed.data import TASKS_EACH, Data
from bench.todo_speed.databases import TodoDatabases
from bench.todo_speed.person import Person, sign_up
from bench.todo_speed.plans import Plans, has_auto_explain, preload
from bench.todo_speed.requests import Requests
from bench.todo_speed.result import FLAT, LINK, PARTS, TodoResult, sized
from bench.todo_speed.supplies import Supplies
from wellhead.embedded import EmbeddedPostgres
from wellhead.testing.proxy import TCPProxy


@dataclass
class Stage:
    """What stays up for all parts.

    Attributes:
        person: The user who asks, from `prepare` on.
    """

    length: Length
    parts: Sequence[str]
    sizes: Sequence[int]
    cores: tuple[set[int], set[int]]
    say: Callable[[str], None]
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
        async with self.serving([self.contestants.launch(TODO, url)]) as [server]:
            self.person = await sign_up(f"http://127.0.0.1:{server.port}")

    async def play_contestants(self) -> None:
        """Play what everybody takes part in, and the logins of the Todo API."""
        peers = [peer for peer in CONTESTANTS if peer.name in self.result.peers]
        smallest = self.sizes[0]
        urls = {peer: await self.filled(peer, peer.name, smallest) for peer in peers}
        async with AsyncExitStack() as stack:
            datas = await self.datas(urls.values(), stack)
            if {"base", "logins"} & set(self.parts):
                launches = [self.contestants.launch(peer, url) for peer, url in urls.items()]
                async with self.serving(launches) as servers:
                    await self.play("base", servers, datas)
                    await self.play("logins", servers[:1], datas[:1])
            if "link" in self.parts:
                await self._play_link({peer: urls[peer] for peer in (TODO, BY_HAND)}, datas[:2])

    async def play_sizes(self) -> None:
        """Play the Todo API on tables of all sizes."""
        names = {sized(size): size for size in self.sizes}
        urls = {name: await self.filled(TODO, name, size) for name, size in names.items()}
        explains = has_auto_explain(self.postgres.bin_dir)
        if not explains:
            self.result.left_out["rows read"] = "this PostgreSQL has no auto_explain"
        async with AsyncExitStack() as stack:
            for name in urls if explains else ():
                await preload(self.admin, name)
            datas = await self.datas(urls.values(), stack)
            launches = [self.contestants.launch(TODO, url, name=name) for name, url in urls.items()]
            servers = await stack.enter_async_context(self.serving(launches))
            asking = await self.play("flat", servers, datas)
            if explains:
                await self._count_rows(servers, asking, datas)

    async def filled(self, peer: Peer, name: str, tasks: int, each: int = TASKS_EACH) -> str:
        """Make a database with so many tasks of all users together, and return its URL."""
        return await self.databases.make_filled(peer, name, tasks, self.person.id, each)

    async def datas(self, urls: Iterable[str], stack: AsyncExitStack) -> list[Data]:
        """The data of some databases, until the stack is closed."""
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
            async with self.serving(launches) as servers:
                proxy.delay(LINK.link / 2000)
                link = await round_trip(by_port(self.postgres.url, proxy.port))
                self.result.links[str(LINK.link)] = link
                await self.play("link", servers, datas)

    async def play(
        self,
        part: str,
        servers: Sequence[Server],
        datas: Sequence[Data],
        *,
        supplies: Sequence[Supplies] = (),
        operations: Sequence[str] = (),
    ) -> Asking:
        """Play a part, where it is asked for.

        Args:
            part: Its name in `PARTS`.
            servers: Who takes part.
            datas: Of the database of each.
            supplies: Likewise, of as many as have routes that need them.
            operations: Those of it that are played; none for all.
        """
        asking = Asking(
            self.load,
            {
                server.port: Requests(self.person, await data.task_ids())
                for server, data in zip(servers, datas, strict=True)
            },
            {server.port: each for server, each in zip(servers, supplies, strict=False)},
        )
        if part not in self.parts:
            return asking

        async def clear() -> None:
            for data in datas:
                await data.clear()
            for each in supplies:
                await each.clear()
            # Read in the warm-up, it does not count as work of the slot.
            asking.forget()

        began = time.monotonic()
        setting = replace(PARTS[part], operations=operations or PARTS[part].operations)
        for server in servers:
            await check(setting, server, asking)
        await clear()
        slots = await play(setting, servers, self.length, asking, ours=self.ours, clear=clear)
        self.result.slots += slots
        dirty = sum(not slot.is_clean for slot in slots)
        took = time.monotonic() - began
        self.say(f"{part}: {len(slots)} slots, {dirty} of them dirty, {took:.0f} s")
        return asking

    async def _count_rows(
        self, servers: Sequence[Server], asking: Asking, datas: Sequence[Data]
    ) -> None:
        plans = Plans(self.postgres.log_file)
        for size, server, data in zip(self.sizes, servers, datas, strict=True):
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
    async def serving(self, launches: Sequence[Launch]) -> AsyncIterator[list[Server]]:
        """Servers that are started like this, on their core."""
        directory, cores = self.contestants.directory, self.cores[0]
        async with launched(launches, cores=cores, logs=directory) as servers:
            yield servers
