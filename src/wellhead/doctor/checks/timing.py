"""The time of a round trip, and what a request costs; the time of a cold start."""

import asyncio
from collections.abc import AsyncIterator
from statistics import quantiles
from typing import Final

from wellhead.doctor.case import Case
from wellhead.doctor.checks.login_refusals import diagnosis_of
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.doctor.questions import connect_probe
from wellhead.errors import ConnectError

FAR_AWAY = Diagnosis(
    "far_away",
    Outcome.WARNING,
    "A round trip to the database takes long.",
    "A request waits for each of its round trips: a read is 1, a write 3, and a page that loads "
    "one thing after another has many. Usually application and database are in different regions.",
    "Run the application in the database's region, and count the round trips: see "
    "docs/explanation/round-trips.md",
)
COLD_START = Diagnosis(
    "cold_start",
    Outcome.NOTE,
    "The first login took much longer than the next one: the database was asleep.",
    "The first request after a pause waits that long. Probes and other background queries would "
    "keep the database awake, and billed.",
    "Nothing has to change. If no request may wait for it, turn scale to zero off.",
)
DIAGNOSES = (FAR_AWAY, COLD_START)

_SAMPLES: Final = 20
FAR: Final = 0.010
"""Seconds of a round trip from which on a database is far away."""
COLD: Final = 0.5
"""Seconds by which the first login of a sleeping database is slower than the next one."""
_ENOUGH: Final = 15.0


async def check_time(case: Case) -> AsyncIterator[Finding]:
    """Log in again, and send the simplest query some times."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        case.probe = await connect_probe(case)
    except ConnectError as error:
        seen = f"A second connection was refused: {error.args[0]}"
        yield diagnosis_of(error).found(seen)
        return
    next_login = loop.time() - started
    if case.first_login - next_login > COLD:
        yield _of_cold_start(case, next_login)
    times = []
    for _ in range(_SAMPLES):
        started = loop.time()
        # Without arguments it is one message each way.
        await case.probe.execute("SELECT 1")
        times.append(loop.time() - started)
    yield of_round_trips(case, times)


def of_round_trips(case: Case, times: list[float]) -> Finding:
    """What these seconds mean."""
    shares = quantiles(times, n=20, method="inclusive")
    case.round_trip, slow = shares[9], shares[18]
    cost = ", ".join(f"{1000 * count * case.round_trip:.1f} ms with {count}" for count in (1, 3, 6))
    seen = (
        f"A round trip takes {1000 * case.round_trip:.1f} ms (p50) and {1000 * slow:.1f} ms (p95): "
        f"a request waits {cost} of them."
    )
    return FAR_AWAY.found(seen) if case.round_trip >= FAR else Finding(seen)


def _of_cold_start(case: Case, next_login: float) -> Finding:
    settings = case.settings
    took = f"{case.first_login:.1f} s"
    if not settings.effective_may_sleep:
        case.recommend("may_sleep", "yes", f"The first login took {took}: it seems to sleep.")
    if settings.effective_connect_timeout < _ENOUGH:
        case.recommend("connect_timeout", "15", f"Waking the database took {took}, and can vary.")
    return COLD_START.found(
        f"The first login took {took}, the next one {1000 * next_login:.0f} ms."
    )
