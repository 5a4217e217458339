"""The server's connections: how many there are, who has them, and whether the fleet fits."""

from collections.abc import AsyncIterator
from typing import Any, Final

from wellhead.doctor.case import Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.doctor.questions import ask
from wellhead.errors import ConfigurationError
from wellhead.pool.policy import largest_pool, overbooking

CONNECTIONS_LOW = Diagnosis(
    "connections_low",
    Outcome.WARNING,
    "Most of the server's connections are in use.",
    "When the last one is taken, every further login is refused with 'too many clients'.",
    "Find who holds them: SELECT application_name, state, count(*) FROM pg_stat_activity GROUP BY "
    "1, 2 ORDER BY 3 DESC",
)
FLEET_TOO_LARGE = Diagnosis(
    "fleet_too_large",
    Outcome.WARNING,
    "All processes together may open more connections than the server has.",
    "Under load, or while old and new containers run side by side, logins are refused.",
    "Lower DATABASE_POOL_SIZE and DATABASE_MAX_OVERFLOW, as wellhead pool-size computes them.",
)
DIAGNOSES = (CONNECTIONS_LOW, FLEET_TOO_LARGE)

_NEARLY_ALL: Final = 0.8

# The count of pg_stat_database is shown to every role, that of pg_stat_activity is not.
_LIMITS: Final = """
    SELECT current_setting('max_connections')::int AS most,
        current_setting('superuser_reserved_connections')::int
            + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved,
        (SELECT sum(numbackends) FROM pg_catalog.pg_stat_database)::int AS used,
        (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = current_user) AS of_role,
        (SELECT datconnlimit FROM pg_catalog.pg_database WHERE datname = current_database())
            AS of_database
"""
_HOLDERS: Final = """
    SELECT coalesce(nullif(application_name, ''), usename::text, 'unknown') AS name,
        count(*) AS connections
    FROM pg_catalog.pg_stat_activity WHERE datid IS NOT NULL AND pid <> pg_backend_pid()
    GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3
"""


async def check_connections(case: Case) -> AsyncIterator[Finding]:
    """Count the connections, and compute the fleet's budget."""
    [row] = await ask(case.probe, _LIMITS)
    holders = await ask(case.probe, _HOLDERS)
    held = ", ".join(f"{holder['name']} {holder['connections']}" for holder in holders)
    own = [limit for limit in (row["of_role"], row["of_database"]) if limit and limit >= 0]
    seen = (
        f"{row['used']} of {row['most']} connections are in use, {row['reserved']} are reserved"
        + (f"; this role or database may have {min(own)}" if own else "")
        + (f". Most have: {held}." if held else ".")
    )
    is_low = row["used"] >= _NEARLY_ALL * (row["most"] - row["reserved"])
    yield CONNECTIONS_LOW.found(seen) if is_low else Finding(seen)
    if case.pools_transactions:
        yield Finding("Behind the pooler its own limits count, which it does not tell.")
        return
    yield _budget(case, row, own)


def _budget(case: Case, row: Any, own: list[int]) -> Finding:
    settings, wishes = case.settings, case.wishes
    replicas, workers = wishes.replicas or 1, wishes.workers or 1
    is_given = wishes.replicas is not None or wishes.workers is not None
    processes = replicas * workers if is_given else settings.pool_processes
    per_process = 1 if settings.pool_mode == "none" else settings.pool_size + settings.max_overflow
    most, reserved = min([row["most"], *own]), 0 if own else row["reserved"]
    sentence = overbooking(
        max_connections=most, reserved=reserved, processes=processes, per_process=per_process
    )
    if sentence is None:
        return Finding(
            f"{processes} process{'es' if processes > 1 else ''} with up to {per_process} "
            f"connections each fit{'' if processes > 1 else 's'} the {most - reserved} of the "
            "server."
        )
    try:
        size = largest_pool(max_connections=most, replicas=processes, workers=1, reserved=reserved)
    except ConfigurationError as error:
        return FLEET_TOO_LARGE.found(sentence, cure=error.hint or "")
    reason = f"{processes} processes x {size.per_process} connections fit {size.available}."
    case.recommend("pool_size", size.pool_size, reason)
    case.recommend("max_overflow", size.max_overflow, reason)
    case.recommend("pool_processes", processes, "So that a start warns if they do not fit.")
    return FLEET_TOO_LARGE.found(sentence)
