"""Whether the clocks of this machine and of the server agree."""

import time
from collections.abc import AsyncIterator
from typing import Final

from wellhead.doctor.case import Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome

CLOCKS_DIFFER = Diagnosis(
    "clocks_differ",
    Outcome.WARNING,
    "The clocks of this machine and of the server differ.",
    "What one writes has a time that the other takes for the future or the past: tokens expire too "
    "early, and rows are in the wrong order.",
    "timedatectl set-ntp true",
)
DIAGNOSES = (CLOCKS_DIFFER,)

TOLERATED: Final = 2.0
"""Seconds by which clocks may differ."""


async def check_clock(case: Case) -> AsyncIterator[Finding]:
    """Ask for the time; half of the round trip belongs to each side."""
    async with case.probe.transaction(readonly=True):
        before = time.time()
        server = await case.probe.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
        after = time.time()
    yield finding_about(server - (before + after) / 2, uncertainty=(after - before) / 2)


def finding_about(difference: float, *, uncertainty: float) -> Finding:
    """What a difference in seconds means; it may be wrong by the uncertainty."""
    if abs(difference) - uncertainty <= TOLERATED:
        return Finding(f"The clocks agree within {abs(difference) + uncertainty:.1f} s.")
    which = "ahead of" if difference > 0 else "behind"
    return CLOCKS_DIFFER.found(f"The server's clock is {abs(difference):.0f} s {which} this one.")
