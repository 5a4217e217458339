"""A load on so many processes of the Todo API and so many replicas, and what it takes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.faults.apps import TODO, ServedApp
from bench.faults.todo_service import migrate
from bench.fleet.application import serve, shared_door
from bench.fleet.growth.load import Load
from bench.fleet.growth.metered import MeteredServer, Usage
from bench.fleet.growth.processor import used
from tests.staging.patience import until
from tests.staging.streaming import Replication

DATABASE = "growth"

_PATIENCE = {"CONNECT": "60", "POOL": "90", "RUN": "90", "REQUEST": "120"}
"""Seconds, so that a busy machine changes no count."""

_WARM_UP = 2
"""How often each client writes, and reads after that, before anything counts."""

_KEY = "the-key-of-the-marks-of-processes-on-this-machine"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a load took.

    Attributes:
        load: The load.
        processes: How many processes of the Todo API served it.
        application: Seconds of the processor, by all these processes.
        primary: What the primary was asked, and what that took.
        replicas: The same of each replica.
        wal: Bytes of log that the primary wrote.
    """

    load: Load
    processes: int
    application: float
    primary: Usage
    replicas: Sequence[Usage]
    wal: int


class Stage:
    """Processes of the Todo API on a primary and its replicas.

    Args:
        primary: The server that takes writes.
        replicas: Those that are read.
        served: The processes.
    """

    def __init__(
        self,
        primary: MeteredServer,
        replicas: Sequence[MeteredServer],
        served: Sequence[ServedApp],
    ) -> None:
        self._primary = primary
        self._replicas = replicas
        self._served = [*served]

    async def shrink_to(self, processes: int) -> None:
        """End processes until there are no more than so many."""
        while len(self._served) > processes:
            await self._served.pop().stop()

    async def measure(self, load: Load) -> Measured:
        """Put a load on, and count until every replica has replayed what it wrote.

        Before that, each client writes and reads until all statements are prepared.
        """
        door = await shared_door(self._served)
        await replace(load, writes=_WARM_UP).put_on(door)
        await self._catch_up()
        for server in (self._primary, *self._replicas):
            server.reset()
        used_before, wal_before = self._used(), await self._written()
        await load.put_on(door)
        await self._catch_up()
        return Measured(
            load,
            len(self._served),
            self._used() - used_before,
            self._primary.usage(),
            [each.usage() for each in self._replicas],
            await self._written() - wal_before,
        )

    async def _catch_up(self) -> None:
        lsn = await self._primary.ask("SELECT pg_current_wal_lsn()::text")
        query = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn"

        async def have_replayed() -> bool:
            return all([await each.ask(query, lsn) for each in self._replicas])

        await until(have_replayed)

    async def _written(self) -> int:
        query = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
        written: int = await self._primary.ask(query)
        return written

    def _used(self) -> float:
        return sum(used(each.pid) for each in self._served)


@asynccontextmanager
async def open_stage(
    replication: Replication, directory: Path, *, replicas: int, processes: int, clients: int
) -> AsyncIterator[Stage]:
    """A stage on a database of its own, which is gone at the end.

    Args:
        replication: A primary, with at least so many standbys.
        directory: Where logs are to be.
        replicas: How many of the standbys are read.
        processes: How many processes there are at first.
        clients: How many clients there are at most.
    """
    await replication.primary.ask(f"CREATE DATABASE {DATABASE}")
    try:
        async with AsyncExitStack() as stack:
            primary, *others = [
                await stack.enter_async_context(MeteredServer(each, DATABASE))
                for each in (replication.primary, *replication.standbys[:replicas])
            ]
            await asyncio.to_thread(migrate, primary.url)
            environment = {
                # One for each client: none waits for another, and none is opened twice.
                "DATABASE_POOL_SIZE": str(clients),
                "DATABASE_MAX_OVERFLOW": "0",
                **{f"DATABASE_{each}_TIMEOUT": seconds for each, seconds in _PATIENCE.items()},
            }
            if others:
                environment["DATABASE_REPLICA_URL"] = ",".join(each.url for each in others)
                environment["DATABASE_REPLICA_KEY"] = _KEY
            served = await stack.enter_async_context(
                serve(TODO, primary.url, processes, directory, environment=environment)
            )
            yield Stage(primary, others, served)
    finally:
        await replication.primary.ask(f"DROP DATABASE {DATABASE} WITH (FORCE)")
