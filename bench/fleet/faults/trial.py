"""One outage under load: what the clients of each application went through."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.faults.chance import chance
from bench.faults.clients import Crowd
from bench.faults.console import Console
from bench.faults.ledger import Outcome
from bench.faults.scenario import Pace, recoveries
from bench.faults.verdict import Wrong, judge
from bench.fleet.consistency import Findings, check
from bench.fleet.faults.gaps import longest_gap
from bench.fleet.faults.histories import final, handovers, operations
from bench.fleet.faults.outage import Outage
from bench.fleet.faults.readers import Readers
from bench.fleet.faults.route import Route
from bench.fleet.faults.server_logs import ServerLogs, let_them_say
from bench.fleet.faults.side import Side
from bench.fleet.fleet import Fleet
from tests.staging.patience import until


@dataclass(frozen=True, slots=True)
class Suffered:
    """What the clients of one application went through.

    Attributes:
        app: The application.
        acknowledged: Writes and reads that succeeded.
        failures: What clients saw instead, and how often.
        findings: What the checks found in what they did.
        wrongs: Broken promises, in words; also of batches that are torn, and of outcomes that
            nobody could tell in the end.
        without_writes: The longest time in which no write succeeded, in seconds.
        without_reads: The same for reads.
        longest: Seconds that the longest request took, however it ended.
        recovered: Seconds from the end of the outage until all clients had been served again; None:
            not in time.
    """

    app: str
    acknowledged: int
    failures: Counter[str]
    findings: Findings
    wrongs: Sequence[Wrong]
    without_writes: float
    without_reads: float
    longest: float
    recovered: float | None

    @property
    def broken(self) -> Counter[str]:
        """How many promises of each kind were broken."""
        # Both judge the same, except that each knows kinds of its own.
        return Counter(self.findings.counts()) | Counter(wrong.kind for wrong in self.wrongs)


@dataclass(frozen=True, slots=True)
class Trial:
    """An outage on one way to the database, and what came of it."""

    outage: Outage
    route: Route
    suffered: Sequence[Suffered]


async def play(
    outage: Outage,
    route: Route,
    fleet: Fleet,
    sides: Sequence[Side],
    rng: random.Random,
    *,
    pace: Pace,
) -> Trial:
    """Let clients write and read while an outage comes and goes.

    Args:
        outage: Which.
        route: How the applications reach the database.
        fleet: The fleet, whole and without clients.
        sides: The applications.
        rng: Decides when it comes and how long it lasts.
        pace: How much time is taken.
    """
    primary = await fleet.primary()
    console = Console(primary.url)
    for side in sides:
        await console.empty(side.kind.table)
        await let_them_say(console, side.kind.table)
    logs = ServerLogs({each.name: each.log for each in fleet.members}, primary=primary.name)
    crowds = [
        Crowd(side.door, chance(rng.random()), pause=pace.pause, patience=pace.patience)
        for side in sides
    ]
    readers = [
        Readers(side.door, crowd.ledger, chance(rng.random()), patience=pace.patience)
        for side, crowd in zip(sides, crowds, strict=True)
    ]
    for crowd, reader in zip(crowds, readers, strict=True):
        crowd.start(type(outage).__name__)
        reader.start()
    # Only what was served before can miss being served.
    await recoveries(crowds, limit=pace.recovery)
    await until(lambda: all(reader.answers for reader in readers))
    await asyncio.sleep(pace.calm + rng.uniform(0, pace.wait))
    began = time.monotonic()
    await outage.inject(fleet)
    await asyncio.sleep(outage.hold[0] if pace.is_brief else rng.uniform(*outage.hold))
    await outage.heal(fleet)
    recovered = await recoveries(crowds, limit=pace.recovery)
    await asyncio.sleep(pace.afterwards)
    ended = time.monotonic()
    await asyncio.gather(*(crowd.stop() for crowd in crowds))
    await asyncio.gather(*(reader.stop() for reader in readers))
    for side, seconds in zip(sides, recovered, strict=True):
        if seconds is None:
            # As an operator would do in the end; otherwise what follows would show nothing.
            await side.restart()
    await asyncio.gather(*(crowd.resolve() for crowd in crowds))
    console = Console((await fleet.primary()).url)
    await console.settle()
    return Trial(
        outage,
        route,
        [
            await _suffered(side, crowd, reader, logs, console, (began, ended), seconds)
            for side, crowd, reader, seconds in zip(sides, crowds, readers, recovered, strict=True)
        ],
    )


async def _suffered(
    side: Side,
    crowd: Crowd,
    readers: Readers,
    logs: ServerLogs,
    console: Console,
    span: tuple[float, float],
    recovered: float | None,
) -> Suffered:
    ledger, reads = crowd.ledger, readers.reads
    began, ended = span
    rows = await console.rows(side.kind.table)
    return Suffered(
        app=side.kind.name,
        acknowledged=ledger.count(Outcome.ACKNOWLEDGED)
        + sum(each.outcome is Outcome.ACKNOWLEDGED for each in readers.answers),
        failures=ledger.failures() + readers.failures(),
        findings=check(
            operations(ledger, reads, logs.takers(side.kind.table)),
            final(rows),
            handovers=handovers(reads),
            promotions=logs.promotions(),
        ),
        wrongs=judge(ledger, rows),
        without_writes=longest_gap(ledger.answers(), began=began, ended=ended),
        without_reads=longest_gap(readers.answers, began=began, ended=ended),
        longest=max(each.seconds for each in (*ledger.answers(), *readers.answers)),
        recovered=recovered,
    )
