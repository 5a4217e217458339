"""All faults, in an order that a seed decides, each on the stage that it needs."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bench.faults import on_application, on_network, on_pooler, on_processes, on_server
from bench.faults.apps import Kind
from bench.faults.chance import chance
from bench.faults.fault import Fault
from bench.faults.scenario import Pace, Played, play
from bench.faults.server import Server
from bench.faults.stage import POOLER, Setting, Stage, open_stage
from bench.faults.wal_device import WalDevice, may_limit_files, may_mount
from wellhead.embedded.account import server_account
from wellhead.embedded.binaries import find_binaries

FAULTS: tuple[type[Fault], ...] = (
    on_server.Killed,
    on_server.ShutDownAtOnce,
    on_server.Restarted,
    on_server.Terminated,
    on_server.TooManyConnections,
    on_server.PasswordRotated,
    on_server.SchemaChanged,
    on_network.ResetInQuery,
    on_network.ResetInCommit,
    on_network.Stalled,
    on_network.Swallowed,
    on_network.NameForgotten,
    on_pooler.PoolerRestarted,
    on_pooler.PoolerFull,
    on_processes.WorkerKilled,
    on_processes.FailedOver,
    on_server.DiskFull,
    on_application.TaskForgotten,
    on_application.SessionShared,
)

OF_THEIR_OWN = (Setting.PAIR, Setting.DISK)
"""The settings whose server is not that of the others: it is gone afterwards, or a special one."""


def playable(*, with_pooler: bool) -> list[type[Fault]]:
    """The faults that can be staged on this machine.

    Args:
        with_pooler: Whether there is a PgBouncer.
    """
    left_out: set[Setting] = set() if with_pooler else {Setting.POOLED}
    if not (may_mount() or may_limit_files()):
        left_out.add(Setting.DISK)
    return [fault for fault in FAULTS if fault.setting not in left_out]


def servers() -> str:
    """Which servers take part."""
    version = find_binaries(None, server_account()).version
    return f"PostgreSQL {version}, PgBouncer {POOLER.version}"


def by_setting(faults: Sequence[type[Fault]], rng: random.Random) -> dict[Setting, list[Fault]]:
    """The faults of each setting, in an order by chance."""
    shuffled = rng.sample(faults, len(faults))
    return {
        setting: chosen
        for setting in Setting
        if (chosen := [fault() for fault in shuffled if fault.setting is setting])
    }


@asynccontextmanager
async def open_server(setting: Setting, directory: Path) -> AsyncIterator[Server]:
    """A server that a setting can use."""
    async with AsyncExitStack() as stack:
        device = None
        if setting is Setting.DISK and may_mount():
            device = stack.enter_context(WalDevice(directory / "wal"))
        server = Server(directory / f"postgres-{setting}", wal_device=device)
        yield await stack.enter_async_context(server)


async def run(
    faults: Sequence[type[Fault]],
    directory: Path,
    *,
    kinds: Sequence[Kind],
    seed: int,
    rounds: int,
    pace: Pace,
) -> AsyncIterator[Played]:
    """Play faults one after the other.

    Args:
        faults: Which.
        directory: Where everything is to lie; every account must be able to enter it.
        kinds: The applications that go through them side by side.
        seed: Decides everything that is left to chance; what the machine does in between is not.
        rounds: How often each fault comes.
        pace: How much time each takes.
    """
    rng = chance(seed)
    settings = by_setting(faults, rng)
    async with AsyncExitStack() as stack:
        shared: Server | None = None
        for setting, chosen in settings.items():
            async with AsyncExitStack() as own:
                if setting in OF_THEIR_OWN:
                    server = await own.enter_async_context(open_server(setting, directory))
                elif shared is None:
                    server = shared = await stack.enter_async_context(
                        open_server(setting, directory)
                    )
                else:
                    server = shared
                stage = open_stage(setting, server, directory, kinds=kinds, rng=rng)
                opened: Stage = await own.enter_async_context(stage)
                for fault in chosen:
                    try:
                        played = await play(fault, opened, rng, rounds=rounds, pace=pace)
                    except Exception as error:
                        error.add_note(f"while this was played: {fault.name}, seed {seed}")
                        raise
                    yield played
