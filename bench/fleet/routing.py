"""How many reads are stale on real streaming replicas, with Wellhead and without.

Run it with ``make replicas``. It starts its own primary and standbys, and takes a few minutes.
"""

import argparse
import asyncio
import datetime as dt
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from unittest.mock import patch

from bench.faults.chance import chance
from bench.faults.ledger import Outcome
from bench.fleet.history import Kind
from bench.fleet.nemesis import Act, Nemesis
from bench.fleet.replicas import Load, ReplicaRegisters, judge, play, prepare
from bench.fleet.routed import RoutedRegisters
from bench.fleet.straight import StraightRegisters
from bench.page import write
from tests.staging.streaming import Replication, Standby, StreamingServer
from wellhead import Database, DatabaseSettings
from wellhead.replicas import Seen
from wellhead.replicas.admission import Known

Build: TypeAlias = Callable[
    [StreamingServer, Sequence[Standby], float], AbstractAsyncContextManager[ReplicaRegisters]
]

SEEDS = 3
AT_LENGTH = Load(clients=10, acts=12, between=100)
FAILED = {Outcome.REFUSED, Outcome.UNKNOWN}


@asynccontextmanager
async def wellhead(
    primary: StreamingServer, standbys: Sequence[Standby], seed: float
) -> AsyncIterator[ReplicaRegisters]:
    """Wellhead, which may read from all standbys, however old their state is."""
    urls = [each.url for each in standbys]
    settings = DatabaseSettings(url=primary.url, replica_url=urls, replica_max_lag=3600)
    async with Database(settings) as database:
        yield RoutedRegisters(database, seed=seed)


@asynccontextmanager
async def without_position(
    primary: StreamingServer, standbys: Sequence[Standby], seed: float
) -> AsyncIterator[ReplicaRegisters]:
    """The same, which takes each replica for one that has replayed enough."""
    with patch.object(Known, "serves", lambda *_, **__: True):
        async with wellhead(primary, standbys, seed) as registers:
            yield registers


@asynccontextmanager
async def without_server(
    primary: StreamingServer, standbys: Sequence[Standby], seed: float
) -> AsyncIterator[ReplicaRegisters]:
    """The same, which lets a client read at one replica after another."""
    with patch.object(Seen, "may_read", lambda *_: True):
        async with wellhead(primary, standbys, seed) as registers:
            yield registers


@asynccontextmanager
async def straight(
    primary: StreamingServer, standbys: Sequence[Standby], seed: float
) -> AsyncIterator[ReplicaRegisters]:
    """Any standby."""
    yield StraightRegisters(primary, standbys, seed=seed)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Which standbys are read, and what happens to them.

    Attributes:
        name: How the table calls it.
        acts: What happens.
        is_cascaded: Whether the second standby follows the first one.
    """

    name: str
    acts: tuple[Act, ...]
    is_cascaded: bool = False

    @asynccontextmanager
    async def standbys(self, replication: Replication) -> AsyncIterator[Sequence[Standby]]:
        """Those that are read."""
        if not self.is_cascaded:
            yield replication.standbys
            return
        upstream = replication.standbys[0]
        async with replication.cascaded(upstream) as leaf:
            yield [upstream, leaf]


ANYTHING = Scenario("two standbys: paused, stopped, killed", tuple(Act))
CASCADE = Scenario(
    "a standby, and one that follows it: paused", (Act.PAUSE, Act.RESUME), is_cascaded=True
)
BUILDS: dict[str, Build] = {
    "Wellhead": wellhead,
    "Wellhead without its check of the position": without_position,
    "Wellhead without its check of the server": without_server,
    "any standby": straight,
}


@dataclass(slots=True)
class Tally:
    """What clients saw, over all seeds.

    Attributes:
        operations: How many reads and writes ended in which way.
        findings: How many promises of each kind were broken.
        acts: What happened how often.
        at_replicas: How many reads were sent to replicas.
    """

    operations: Counter[tuple[Kind, Outcome]] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    acts: Counter[Act] = field(default_factory=Counter)
    at_replicas: int = 0

    @property
    def failed(self) -> int:
        """Reads and writes without success."""
        return sum(count for (_, outcome), count in self.operations.items() if outcome in FAILED)

    async def add(
        self, replication: Replication, build: Build, scenario: Scenario, load: Load, seed: float
    ) -> None:
        """Let clients work once, and count what the checks find."""
        await prepare(replication)
        async with scenario.standbys(replication) as standbys:
            nemesis = Nemesis(standbys, chance(seed), scenario.acts)
            async with build(replication.primary, standbys, seed) as registers:
                history = await play(registers, nemesis, load, seed=seed)
                self.at_replicas += registers.at_replicas()
        self.operations += history.outcomes()
        self.findings.update((await judge(history, replication.primary)).counts())
        self.acts += nemesis.happened
        await replication.restore()


HEADS = ("Reads go to", "replicas", "acts", "reads", "at replicas", "writes", "stale",
         "not monotonic", "lost, doubled", "failed")  # fmt: skip


async def measure(replication: Replication, *, seeds: int, load: Load) -> str:
    """Everything, as a Markdown section."""
    lines = [f"| {' | '.join(HEADS)} |", "|---" * 2 + "|---:" * (len(HEADS) - 2) + "|"]
    for name, build in BUILDS.items():
        for scenario in (ANYTHING, CASCADE):
            tally = Tally()
            for seed in range(seeds):
                await tally.add(replication, build, scenario, load, seed)
                print(f"{name}, {scenario.name}, seed {seed}: done", file=sys.stderr)
            lines.append(f"| {name} | {scenario.name} | {' | '.join(_figures(tally))} |")
    return "\n".join([*lines, "", _conditions(replication, seeds, load)])


def _figures(tally: Tally) -> list[str]:
    found, done = tally.findings, tally.operations
    figures = [
        tally.acts.total(),
        sum(done[Kind.READ, outcome] for outcome in Outcome),
        tally.at_replicas,
        sum(done[Kind.WRITE, outcome] for outcome in Outcome),
        found["stale"],
        found["non_monotonic"],
        found["lost"] + found["doubled"] + found["denied"] + found["stray"],
        tally.failed,
    ]
    return [f"{figure:,}" for figure in figures]


def _conditions(replication: Replication, seeds: int, load: Load) -> str:
    return (
        f"Run on {dt.datetime.now(tz=dt.UTC):%Y-%m-%d} with PostgreSQL "
        f"{replication.primary.postgres.version} and Python {platform.python_version()}: {seeds} "
        f"seeds, {load.clients} clients at a time."
    )


def main() -> None:
    """Run, print, and write to a page where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="the page to write the table to")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wellhead-") as name:
        path = Path(name)
        path.chmod(0o755)
        with Replication(path / "replication") as replication:
            section = asyncio.run(measure(replication, seeds=SEEDS, load=AT_LENGTH))
    print(section)
    if arguments.write:
        write(section, arguments.write, name="replicas")


if __name__ == "__main__":
    main()
