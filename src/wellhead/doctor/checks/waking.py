"""The last check before a login, which wakes a database that sleeps."""

from collections.abc import AsyncIterator

from wellhead.doctor.case import Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome

NOT_WOKEN = Diagnosis(
    "not_woken",
    Outcome.NOTE,
    "The examination ended before the login, as --no-wake asks.",
    "A login wakes a database that scales to zero, and is billed. URL, name, network and TLS are "
    "examined without it.",
    "Leave out --no-wake to examine the rest.",
)
DIAGNOSES = (NOT_WOKEN,)


async def check_wake(case: Case) -> AsyncIterator[Finding]:
    """Say that the database is going to be woken, or end the examination."""
    if not case.wishes.may_wake:
        case.is_over = True
        yield NOT_WOKEN.found("Nobody logged in, so the database was not woken.")
    elif case.settings.effective_may_sleep:
        case.say("The database may be asleep: the login wakes it. --no-wake ends here.")
        yield Finding("The database may have been asleep; the login wakes it.")
