"""One fault under full load: let it happen, let it end, and see what the clients went through."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.faults.apps import REQUEST
from bench.faults.chance import chance
from bench.faults.clients import CLIENTS, Crowd
from bench.faults.fault import Fault
from bench.faults.ledger import Outcome
from bench.faults.stage import Stage, Way
from bench.faults.verdict import Wrong, judge

LATE = REQUEST + 1.0
"""Seconds after which a request has outlived its deadline."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much time a scenario takes.

    Attributes:
        calm: Seconds of undisturbed work before the first fault.
        afterwards: Seconds of it after each.
        wait: At most how many seconds pass before a fault begins, in addition.
        pause: Between how many seconds a client rests after a request.
        is_brief: Whether a fault lasts no longer than it must.
        patience: Seconds after which a client gives up waiting; more than any deadline, so that
            a request that outlives its deadline is seen to do so.
        recovery: Seconds after which the suite stops waiting for a client to be served again.
    """

    calm: float
    afterwards: float
    wait: float
    pause: tuple[float, float]
    is_brief: bool
    patience: float
    recovery: float


AT_LENGTH = Pace(
    calm=1.0,
    afterwards=0.5,
    wait=0.5,
    pause=(0.02, 0.1),
    is_brief=False,
    patience=REQUEST + 4.0,
    recovery=20.0,
)
# On a busy machine everything may take longer; how long is measured at length.
BRIEFLY = Pace(
    calm=0.3,
    afterwards=0.2,
    wait=0.2,
    pause=(0.1, 0.3),
    is_brief=True,
    patience=60.0,
    recovery=120.0,
)


@dataclass(frozen=True, slots=True)
class Report:
    """What one application's clients went through.

    Attributes:
        app: The application.
        acknowledged: Requests that were answered with success.
        failures: What clients saw instead, and how often.
        unknown: How many of those left the outcome open.
        late: Requests that outlived their deadline by more than a second.
        longest: Seconds of the longest request.
        recovered: Seconds from the end of the fault until every client had been served again, the
            worst round; None when one had not been in time, which ends the scenario.
        wrongs: Broken promises.
    """

    app: str
    acknowledged: int
    failures: Counter[str]
    unknown: int
    late: int
    longest: float
    recovered: float | None
    wrongs: Sequence[Wrong]

    @property
    def failed(self) -> int:
        """How many requests did not succeed."""
        return self.failures.total()


@dataclass(frozen=True, slots=True)
class Played:
    """A fault, and what it did.

    Attributes:
        fault: Which.
        rounds: How often it happened.
        reports: Of each application.
    """

    fault: Fault
    rounds: int
    reports: Sequence[Report]


async def play(
    fault: Fault, stage: Stage, rng: random.Random, *, rounds: int, pace: Pace
) -> Played:
    """Let clients write while a fault comes and goes.

    Args:
        fault: Which.
        stage: The stage that it needs, without clients.
        rng: Decides when it comes and how long it lasts.
        rounds: How often it comes.
        pace: How much time is taken.
    """
    for way in stage.ways:
        await stage.console.empty(way.app.kind.table)
    crowds = [
        Crowd(way.door, chance(rng.random()), pause=pace.pause, patience=pace.patience)
        for way in stage.ways
    ]
    for crowd in crowds:
        crowd.start(type(fault).__name__)
    await asyncio.sleep(pace.calm)
    recovered: list[list[float | None]] = []
    for _ in range(min(rounds, fault.most_rounds)):
        await asyncio.sleep(rng.uniform(0, pace.wait))
        await fault.inject(stage)
        await asyncio.sleep(fault.hold[0] if pace.is_brief else rng.uniform(*fault.hold))
        await fault.heal(stage)
        recovered.append(await recoveries(crowds, limit=pace.recovery))
        await asyncio.sleep(pace.afterwards)
        if None in recovered[-1]:
            break
    await asyncio.gather(*(crowd.stop() for crowd in crowds))
    for way, seconds in zip(stage.ways, recovered[-1], strict=True):
        if seconds is None:
            # As an operator would do in the end; otherwise what follows would show nothing.
            way.app.kill()
            await stage.restart(way)
    await asyncio.gather(*(crowd.resolve() for crowd in crowds))
    await stage.console.settle()
    reports = [
        await _report(stage, way, crowd, times)
        for way, crowd, *times in zip(stage.ways, crowds, *recovered, strict=True)
    ]
    return Played(fault, len(recovered), reports)


async def recoveries(crowds: Sequence[Crowd], *, limit: float) -> list[float | None]:
    """Seconds from now until every client of each crowd has been served; None: not in time."""
    healed = time.monotonic()
    while time.monotonic() - healed < limit:
        times = [crowd.ledger.all_served_after(healed, CLIENTS) for crowd in crowds]
        if None not in times:
            return times
        await asyncio.sleep(0.05)
    return [crowd.ledger.all_served_after(healed, CLIENTS) for crowd in crowds]


async def _report(
    stage: Stage, way: Way, crowd: Crowd, recovered: Sequence[float | None]
) -> Report:
    ledger = crowd.ledger
    return Report(
        app=way.app.kind.name,
        acknowledged=ledger.count(Outcome.ACKNOWLEDGED),
        failures=ledger.failures(),
        unknown=ledger.count(Outcome.UNKNOWN),
        late=len(ledger.late(LATE, starts=way.app.starts)),
        longest=max(answer.seconds for answer in ledger.answers()),
        recovered=_worst(recovered),
        wrongs=judge(ledger, await stage.console.rows(way.app.kind.table)),
    )


def _worst(times: Sequence[float | None]) -> float | None:
    known = [each for each in times if each is not None]
    return max(known) if len(known) == len(times) else None
