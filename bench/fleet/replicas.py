"""Clients that read from replicas while those are paused, killed and started; then the checks.

The clients share a few registers, pass their marks on now and then, and go on until everything has
happened that was to happen. Nothing here waits for a time: what follows what is counted.
"""

import asyncio
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg

from bench.faults.chance import chance
from bench.fleet.consistency import Findings, check
from bench.fleet.history import History, Registers
from bench.fleet.nemesis import Nemesis
from tests.staging.patience import until
from tests.staging.streaming import Replication, StreamingServer

TABLE = "register"

_KEYS = ("amber", "birch", "coral")
_WRITES, _HANDOVERS = 0.3, 0.1


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


async def prepare(replication: Replication) -> None:
    """Make empty registers, and wait until every standby has them."""
    await replication.primary.ask(f"DROP TABLE IF EXISTS {TABLE}")
    await replication.primary.ask(f"CREATE TABLE {TABLE} (key text, value bigint)")
    await replication.primary.ask(f"CREATE INDEX ON {TABLE} (key, value)")
    await replication.catch_up()


async def play(registers: Registers, nemesis: Nemesis, load: Load, *, seed: float) -> History:
    """Let clients work until all acts have happened, and for a while after the last.

    Args:
        registers: What the clients use.
        nemesis: What happens in the meantime.
        load: How much.
        seed: Decides what each client does in which order.
    """
    history = History()
    values = itertools.count(1)
    is_over = asyncio.Event()

    async def disturb() -> None:
        try:
            await _progress(history, load.between)
            for _ in range(load.acts):
                await nemesis.act()
                await _progress(history, load.between)
        finally:
            is_over.set()

    async def work(client: int) -> None:
        rng = chance(seed + client)
        while not is_over.is_set():
            await _do_one_thing(history, registers, client, rng, values, load.clients)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(disturb())
        for client in range(load.clients):
            tasks.create_task(work(client))
    return history


async def judge(history: History, primary: StreamingServer) -> Findings:
    """Apply all checks to what clients saw and to what the primary has in the end."""
    connection = await asyncpg.connect(primary.url, ssl=False)
    try:
        rows = await connection.fetch(f"SELECT key, array_agg(value) FROM {TABLE} GROUP BY key")  # noqa: S608 - a table of ours
    finally:
        await connection.close()
    return check(history.operations, dict(rows), handovers=history.handovers)


async def _do_one_thing(
    history: History,
    registers: Registers,
    client: int,
    rng: random.Random,
    values: Iterator[int],
    clients: int,
) -> None:
    key, dice = rng.choice(_KEYS), rng.random()
    if dice < _WRITES:
        await history.write(registers, client, key, next(values))
    elif dice < _WRITES + _HANDOVERS:
        history.hand_over(registers, client, rng.randrange(clients))
        # Nothing of it waits, and the other clients have their turn.
        await asyncio.sleep(0)
    else:
        await history.read(registers, client, key)


async def _progress(history: History, operations: int) -> None:
    enough = len(history.operations) + operations
    await until(lambda: len(history.operations) >= enough)
