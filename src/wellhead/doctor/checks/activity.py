"""What other sessions do now: transactions that stay open, and sessions that wait for them."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from wellhead.doctor.case import Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.doctor.questions import ask

LONG_TRANSACTION = Diagnosis(
    "long_transaction",
    Outcome.WARNING,
    "A transaction has been open for minutes.",
    "It holds a connection, its locks, and every row version that was deleted since: tables grow, "
    "and a migration that waits for it holds up everything else. It also keeps Neon awake.",
    "Close the session in its program, or end it: SELECT pg_terminate_backend(PID)",
)
BLOCKED = Diagnosis(
    "blocked",
    Outcome.WARNING,
    "A session waits for a lock that another one holds.",
    "It waits until the other transaction ends, or for its lock_timeout.",
    "Let the other transaction end, or end it: SELECT pg_terminate_backend(PID)",
)
DIAGNOSES = (LONG_TRANSACTION, BLOCKED)

LONG: Final = 300.0
"""Seconds from which on a transaction is long."""

# Neither statements nor values are asked for: they may be secret.
_QUESTION: Final = """
    SELECT pid, coalesce(nullif(application_name, ''), usename::text, 'unknown') AS name,
        coalesce(state, 'unknown') AS state,
        extract(epoch FROM clock_timestamp() - xact_start)::float8 AS age,
        array_to_string(pg_catalog.pg_blocking_pids(pid), ' ') AS blockers
    FROM pg_catalog.pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    ORDER BY xact_start
"""


async def check_activity(case: Case) -> AsyncIterator[Finding]:
    """Look at the open transactions of this database."""
    for finding in findings_about(await ask(case.probe, _QUESTION)):
        yield finding


def findings_about(rows: Sequence[Any]) -> list[Finding]:
    """What these open transactions mean, the oldest first."""
    found = []
    names = {row["pid"]: row["name"] for row in rows}
    old = [row for row in rows if row["age"] >= LONG]
    if old:
        first = old[0]
        found.append(
            LONG_TRANSACTION.found(
                f"{len(old)} transaction{'s' if len(old) > 1 else ''} of more than {LONG:.0f} s; "
                f"the oldest is {first['age']:.0f} s old: {first['name']}, {first['state']}.",
                cure=f"SELECT pg_terminate_backend({first['pid']})",
            )
        )
    waiting = [row for row in rows if row["blockers"]]
    if waiting:
        blockers = sorted({int(pid) for row in waiting for pid in row["blockers"].split()} - {0})
        # Those that wait themselves only pass it on.
        roots = [pid for pid in blockers if pid not in {row["pid"] for row in waiting}] or blockers
        holder = roots[0] if roots else 0
        found.append(
            BLOCKED.found(
                f"{len(waiting)} session{'s wait' if len(waiting) > 1 else ' waits'} for a lock of "
                f"{names.get(holder, 'a session of another kind')} ({holder}).",
                cure=f"SELECT pg_terminate_backend({holder})",
            )
        )
    return found or [Finding(f"{len(rows)} transactions are open, none is long or blocked.")]
