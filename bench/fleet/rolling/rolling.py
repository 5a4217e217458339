"""All of a fleet, replaced step by step while clients write and read."""

import random
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from bench.faults.apps import TODO, Kind
from bench.faults.scenario import BRIEFLY, Pace
from bench.fleet.faults.route import Route
from bench.fleet.faults.summary import paragraph
from bench.fleet.faults.trial import Trial, play
from bench.fleet.fleet import Fleet
from bench.fleet.rolling.applications import Applications
from bench.fleet.rolling.release import RELEASED, Released, migrate_released
from bench.fleet.rolling.step import (
    ApplicationsReplaced,
    HAProxyReloaded,
    PoolersReplaced,
    PrimaryRestarted,
    ReplicasRestarted,
    Step,
)

_OF_KIND: tuple[tuple[Kind, tuple[type[Step], ...]], ...] = (
    (
        TODO,
        (
            ApplicationsReplaced,
            PoolersReplaced,
            HAProxyReloaded,
            ReplicasRestarted,
            PrimaryRestarted,
        ),
    ),
    (RELEASED, (Released,)),
)

STEPS = tuple(step for _, steps in _OF_KIND for step in steps)
"""All of them, in order."""

# A request may wait for a new primary for so long. A pooler, and HAProxy's former process, end when
# each connection through them has been closed because of its age.
_SETTINGS = {
    "DATABASE_STARTUP_TIMEOUT": "120",
    "DATABASE_CONNECT_TIMEOUT": "5",
    "DATABASE_POOL_TIMEOUT": "20",
    "DATABASE_RUN_TIMEOUT": "20",
    "DATABASE_REQUEST_TIMEOUT": "30",
    "DATABASE_POOL_RECYCLE": "5",
    "DRAIN_SECONDS": "3",
    "RELEASE": "1",
}


async def roll(
    fleet: Fleet,
    directory: Path,
    chosen: Collection[type[Step]],
    rng: random.Random,
    *,
    count: int,
    pace: Pace,
) -> list[Trial]:
    """Take steps, one after the other, each under load.

    Args:
        fleet: A fleet without applications.
        directory: Where logs are to be.
        chosen: Which steps.
        rng: Decides what clients send, and when.
        count: How many processes the application has.
        pace: How much time is taken; clients always wait longer than any deadline.
    """
    pace = replace(pace, patience=BRIEFLY.patience, recovery=BRIEFLY.recovery)
    trials = []
    for kind, steps in _OF_KIND:
        taken = [step for step in steps if step in chosen]
        if not taken:
            continue
        if kind is RELEASED:
            await migrate_released(fleet.hosts_url, "0001")
        applications = Applications(kind, fleet, directory, count=count, environment=_SETTINGS)
        async with applications.opened() as side:
            for step in taken:
                trial = await play(step(applications), Route.HAPROXY, fleet, [side], rng, pace=pace)
                print(paragraph(trial), flush=True)
                trials.append(trial)
    return trials
