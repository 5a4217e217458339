"""Whether the server takes writes, and how far a standby is behind."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from wellhead.doctor.case import Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.doctor.questions import ask

STANDBY = Diagnosis(
    "standby",
    Outcome.FAILURE,
    "The server is a standby, which takes no writes.",
    "Every INSERT, UPDATE and DELETE fails with SQLSTATE 25006. The URL is that of a read replica, "
    "or a failover made another server the primary.",
    "Use the primary's URL, or list all servers: "
    "postgresql://user:password@one,two/database?target_session_attrs=read-write",
)
READ_ONLY = Diagnosis(
    "read_only",
    Outcome.FAILURE,
    "The server takes no writes from this role or in this database.",
    "Every INSERT, UPDATE and DELETE fails with SQLSTATE 25006. Providers set this when a disk is "
    "full or a quota is exhausted.",
    "Find out who set it, and then: ALTER DATABASE shop RESET default_transaction_read_only",
)
REPLICATION_LAG = Diagnosis(
    "replication_lag",
    Outcome.WARNING,
    "A standby is behind its primary.",
    "What was just written is not seen there yet. A standby that falls further behind keeps the "
    "primary's log, and fills its disk.",
    "Look at the standby's load and network: SELECT * FROM pg_stat_replication",
)
DIAGNOSES = (STANDBY, READ_ONLY, REPLICATION_LAG)

LATE: Final = 10.0
"""Seconds from which on a standby is behind."""

_STATE: Final = """
    SELECT pg_catalog.pg_is_in_recovery() AS is_standby,
        current_setting('default_transaction_read_only') = 'on' AS is_read_only,
        CASE
            WHEN NOT pg_catalog.pg_is_in_recovery() THEN NULL
            WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() THEN 0
            ELSE extract(epoch FROM now() - pg_catalog.pg_last_xact_replay_timestamp())::float8
        END AS lag
"""
_REPLICAS: Final = """
    SELECT application_name AS name,
        coalesce(extract(epoch FROM replay_lag), 0)::float8 AS lag
    FROM pg_catalog.pg_stat_replication WHERE state IS NOT NULL ORDER BY 2 DESC
"""


async def check_writes(case: Case) -> AsyncIterator[Finding]:
    """Ask whether it is a standby, whether it takes writes, and who is behind."""
    [state] = await ask(case.probe, _STATE)
    reads_only = case.url.parameters.wants_no_writes
    for finding in findings_about(state, await ask(case.probe, _REPLICAS), reads_only=reads_only):
        yield finding


def findings_about(
    state: Mapping[str, Any], replicas: Sequence[Mapping[str, Any]], *, reads_only: bool
) -> list[Finding]:
    """What a server's state means.

    Args:
        state: Whether it is a standby, or read-only, and how many seconds behind.
        replicas: The standbys that it has, with theirs.
        reads_only: Whether the URL asks for a server that takes no writes.
    """
    if state["is_standby"]:
        seen = "The server is a standby"
        if reads_only:
            found = [Finding(f"{seen}, as the URL asks for.")]
        else:
            found = [STANDBY.found(f"{seen} and takes no writes.")]
        if (state["lag"] or 0) >= LATE:
            found.append(REPLICATION_LAG.found(f"It is {state['lag']:.0f} s behind its primary."))
        return found
    if state["is_read_only"] and not reads_only:
        found = [READ_ONLY.found("default_transaction_read_only is on: nothing can be written.")]
    else:
        found = [Finding("The server is a primary and takes writes.")]
    for each in replicas:
        if each["lag"] >= LATE:
            seen = f"The standby {each['name']} is {each['lag']:.0f} s behind."
            found.append(REPLICATION_LAG.found(seen))
    return found
