"""Clients that read from replicas while those are paused, killed and started; then the checks.

The clients share a few registers and go on until everything has happened that was to happen. Now
and then a new client takes the place of an old one, with the mark of any of them or with none.
Nothing waits for a time: what follows what is counted.
"""

import asyncio
import itertools
import random
from dataclasses import dataclass
from typing import Protocol

import asyncpg

from bench.faults.chance import chance
from bench.fleet.consistency import Findings, check
from bench.fleet.history import History, Registers
from bench.fleet.nemesis import Nemesis
from tests.staging.patience import until
from tests.staging.streaming import Replication, StreamingServer

_KEYS = ("amber", "birch", "coral")
_WRITES, _HANDOVERS, _ARRIVALS = 0.3, 0.1, 0.1
"""How often a client writes, and how often one with a mark, or one without, takes its place."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much is done.

    Attributes:
        clients: How many work at the same time.
        acts: How often something happens to a standby.
        between: How many operations end before each act, and after the last.
    """

    clients: int = 6
    acts: int = 10
    between: int = 40


class Crowd:
    """Clients, each of which does one thing after the other.

    Args:
        registers: What they use.
        clients: How many work at the same time.
        seed: Decides what each does in which order.

    Attributes:
        history: What they did.
    """

    def __init__(self, registers: Registers, clients: int, *, seed: float) -> None:
        self.history = History()
        self._registers = registers
        self._seed = seed
        self._numbers = itertools.count(clients)
        self._present = list(range(clients))
        self._values = itertools.count(1)

    async def work(self, place: int, is_over: asyncio.Event) -> None:
        """Take a place in the crowd until it is over; at every other place nobody writes."""
        rng = chance(self._seed + place)
        does = (self._write, self._hand_over, self._arrive, self._read)
        shares = (_WRITES * (place % 2), _HANDOVERS, _ARRIVALS, 1 - _WRITES)
        while not is_over.is_set():
            [do] = rng.choices(does, shares)
            await do(place, rng)

    async def _write(self, place: int, rng: random.Random) -> None:
        client, value = self._present[place], next(self._values)
        await self.history.write(self._registers, client, rng.choice(_KEYS), value)

    async def _read(self, place: int, rng: random.Random) -> None:
        await self.history.read(self._registers, self._present[place], rng.choice(_KEYS))

    async def _hand_over(self, place: int, rng: random.Random) -> None:
        giver, successor = rng.choice(self._present), next(self._numbers)
        await self.history.hand_over(self._registers, giver, successor)
        self._present[place] = successor

    async def _arrive(self, place: int, rng: random.Random) -> None:
        del rng
        self._present[place] = next(self._numbers)

    async def progress(self, operations: int) -> None:
        """Return once so many more operations have ended."""
        enough = len(self.history.operations) + operations
        await until(lambda: len(self.history.operations) >= enough)


async def prepare(replication: Replication) -> None:
    """Make empty registers, and wait until every standby has them."""
    await replication.primary.ask("DROP TABLE IF EXISTS register")
    await replication.primary.ask("CREATE TABLE register (key text, value bigint)")
    await replication.primary.ask("CREATE INDEX ON register (key, value)")
    await replication.catch_up()


class ReplicaRegisters(Registers, Protocol):
    """Registers that are read from replicas."""

    def replicas_up(self) -> int:
        """How many replicas get reads now."""

    def at_replicas(self) -> int:
        """How many reads were sent to replicas so far."""


async def play(
    registers: ReplicaRegisters, nemesis: Nemesis, load: Load, *, seed: float
) -> History:
    """Let clients work until all acts have happened, and for a while after the last.

    Nothing more happens before each standby that replays gets reads.

    Args:
        registers: What the clients use.
        nemesis: What happens in the meantime.
        load: How much.
        seed: Decides what each client does in which order.
    """
    crowd = Crowd(registers, load.clients, seed=seed)
    is_over = asyncio.Event()

    async def disturb() -> None:
        try:
            await crowd.progress(load.between)
            for _ in range(load.acts):
                await nemesis.act()
                await until(lambda: registers.replicas_up() >= nemesis.replaying)
                await crowd.progress(load.between)
        finally:
            is_over.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(disturb())
        for place in range(load.clients):
            tasks.create_task(crowd.work(place, is_over))
    return crowd.history


async def judge(history: History, primary: StreamingServer) -> Findings:
    """Apply all checks to what clients saw and to what the primary has in the end."""
    connection = await asyncpg.connect(primary.url, ssl=False)
    try:
        query = "SELECT key, array_agg(value) AS values FROM register GROUP BY key"
        rows = await connection.fetch(query)
    finally:
        await connection.close()
    final = {row["key"]: row["values"] for row in rows}
    return check(history.operations, final, handovers=history.handovers)
