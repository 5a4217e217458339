"""The server's connections: how many there are, who has them, and whether the fleet fits."""

from collections.abc import AsyncIterator
from typing import Any, Final

from wellhead.connecting.budget import Budget
from wellhead.connecting.fleet import LIMITS, budget_of, own_limit
from wellhead.doctor.case import Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.doctor.questions import ask
from wellhead.errors import ConfigurationError

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

_HOLDERS: Final = """
    SELECT coalesce(nullif(application_name, ''), usename::text, 'unknown') AS name,
        count(*) AS connections
    FROM pg_catalog.pg_stat_activity WHERE datid IS NOT NULL AND pid <> pg_backend_pid()
    GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3
"""


async def check_connections(case: Case) -> AsyncIterator[Finding]:
    """Count the connections, and compute the fleet's budget."""
    [row] = await ask(case.probe, LIMITS)
    holders = await ask(case.probe, _HOLDERS)
    held = ", ".join(f"{holder['name']} {holder['connections']}" for holder in holders)
    own = own_limit(row)
    seen = (
        f"{row['used']} of {row['most']} connections are in use, {row['reserved']} are reserved"
        + (f"; this role or database may have {own}" if own is not None else "")
        + (f". Most have: {held}." if held else ".")
    )
    is_low = row["used"] >= _NEARLY_ALL * (row["most"] - row["reserved"])
    yield CONNECTIONS_LOW.found(seen) if is_low else Finding(seen)
    budget = _budget(case, None if case.pools_transactions else row)
    if budget is None:
        yield Finding(
            "Behind the pooler its own limits count, which it does not tell; "
            f"{case.settings.variable_of('pool_budget')} may."
        )
        return
    yield _judge(case, budget)


def _budget(case: Case, row: Any | None) -> Budget | None:
    settings, wishes = case.settings, case.wishes
    replicas, workers = wishes.replicas or 1, wishes.workers or 1
    is_given = wishes.replicas is not None or wishes.workers is not None
    return budget_of(
        row,
        settings,
        per_process=(
            1 if settings.pool_mode == "none" else settings.pool_size + settings.max_overflow
        ),
        processes=replicas * workers if is_given else None,
    )


def _judge(case: Case, budget: Budget) -> Finding:
    processes = budget.processes
    if budget.excess is None:
        return Finding(
            f"{processes} process{'es' if processes > 1 else ''} with up to "
            f"{budget.per_process:g} connections each fit{'' if processes > 1 else 's'} the "
            f"{budget.available} of the {'budget' if budget.is_given else 'server'}."
        )
    try:
        size = budget.largest_pool()
    except ConfigurationError as error:
        return FLEET_TOO_LARGE.found(budget.excess, cure=error.hint or "")
    reason = f"{processes} processes x {size.per_process} connections fit {budget.available}."
    case.recommend("pool_size", size.pool_size, reason)
    case.recommend("max_overflow", size.max_overflow, reason)
    case.recommend("pool_processes", processes, "So that a start warns if they do not fit.")
    return FLEET_TOO_LARGE.found(budget.excess)
