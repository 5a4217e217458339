"""A stage: a database, a network and the applications on it, set up for one kind of fault."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bench.faults import names
from bench.faults.apps import TODO, USUAL, Kind, ServedApp
from bench.faults.clients import Door
from bench.faults.console import Console
from bench.faults.names import Names
from bench.faults.pair import Pair
from bench.faults.server import Server
from bench.faults.todo_service import migrate
from tests.staging.pgbouncer import Kind as PoolerKind
from tests.staging.pgbouncer import PgBouncer
from wellhead.testing.proxy import TCPProxy

POOLER = PoolerKind("1.24", 1000)
"""As Neon runs it: it tracks prepared statements."""


class Setting(StrEnum):
    """How an application reaches its database."""

    DIRECT = "direct"
    """Straight, through a network that can break."""

    NAMED = "named"
    """The same, by a name that has to be resolved."""

    POOLED = "pooled"
    """Through a PgBouncer in transaction mode."""

    WORKERS = "workers"
    """Straight, from two worker processes."""

    MISTAKES = "mistakes"
    """Straight, by an application with two routes whose authors made a mistake."""

    PAIR = "pair"
    """One of two hosts, of which only one takes writes."""

    DISK = "disk"
    """Straight, on a server whose write-ahead log has a small device of its own."""


@dataclass(slots=True)
class Way:
    """An application, and its own way to the database.

    Attributes:
        app: The application.
        door: Where clients write.
        proxy: The network between it and the database; between the pair there is none.
    """

    app: ServedApp
    door: Door
    proxy: TCPProxy


@dataclass(slots=True)
class Stage:
    """What a fault may lay hands on.

    Attributes:
        setting: How the applications reach the database.
        server: The server; of two, the first one.
        ways: The applications, each with a network of its own.
        names: The name service, where there is one.
        pooler: The PgBouncer, where there is one.
        pair: The two servers, where there are two.
        rng: Decides what a fault leaves to chance.
    """

    setting: Setting
    server: Server
    ways: list[Way]
    rng: random.Random
    names: Names | None = None
    pooler: PgBouncer | None = None
    pair: Pair | None = None

    @property
    def console(self) -> Console:
        """The superuser's way to the server that takes writes now."""
        is_over = self.pair is not None and not self.server.is_running()
        return self.pair.console if self.pair and is_over else self.server.console

    async def restart(self, way: Way) -> None:
        """Stop an application in order and start it with the URL as it is now."""
        await way.app.stop()
        await way.app.start(_url(self, way.app.kind, way.proxy))


@asynccontextmanager
async def open_stage(
    setting: Setting,
    server: Server,
    directory: Path,
    *,
    kinds: Sequence[Kind] = (TODO, USUAL),
    rng: random.Random,
) -> AsyncIterator[Stage]:
    """Start the applications on a server, in a setting.

    Args:
        setting: How they reach it.
        server: The server, running.
        directory: Where logs are to lie.
        kinds: Which applications, at the same time.
        rng: For what faults leave to chance.
    """
    stage = Stage(setting, server, [], rng)
    async with AsyncExitStack() as stack:
        target = server.port
        if setting is Setting.NAMED:
            stage.names = Names(directory)
        if setting is Setting.POOLED:
            stage.pooler = stack.enter_context(PgBouncer(POOLER, server.url(), directory))
            target = stage.pooler.port
        if setting is Setting.PAIR:
            stage.pair = await stack.enter_async_context(Pair(server, directory))
        await asyncio.to_thread(migrate, server.url())
        for kind in kinds:
            proxy = await stack.enter_async_context(TCPProxy("127.0.0.1", target))
            app = _app(stage, kind, directory)
            await app.start(_url(stage, kind, proxy))
            stack.push_async_callback(app.stop)
            stage.ways.append(Way(app, await app.open_door(), proxy))
        yield stage


def _app(stage: Stage, kind: Kind, directory: Path) -> ServedApp:
    folder = directory / f"{stage.setting}-{kind.table}"
    folder.mkdir()
    return ServedApp(
        kind,
        folder,
        workers=2 if stage.setting is Setting.WORKERS else 1,
        with_mistakes=stage.setting is Setting.MISTAKES,
        environment=stage.names.environment if stage.names else None,
    )


def _url(stage: Stage, kind: Kind, proxy: TCPProxy) -> str:
    scheme = "postgresql" if kind is TODO else "postgresql+asyncpg"
    if stage.pair is not None:
        return stage.pair.url(scheme, is_sqlalchemy=kind is not TODO)
    host = names.HOST if stage.names else "127.0.0.1"
    url = stage.server.url(proxy.port, host=host).replace("postgresql", scheme, 1)
    return f"{url}?pgbouncer=true" if stage.pooler and kind is TODO else url
