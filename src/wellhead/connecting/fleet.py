"""What the server has for every process that has a pool; asked once, on an open connection."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from wellhead.connecting.budget import Budget
from wellhead.sessions.commits import READS
from wellhead.sessions.leftovers import TRANSACTIONAL
from wellhead.settings import DatabaseSettings
from wellhead.url import PostgresURL

logger = logging.getLogger(__package__)

# The count of pg_stat_database is shown to every role, that of pg_stat_activity is not.
LIMITS: Final = """
    SELECT current_setting('max_connections')::int AS most,
        current_setting('superuser_reserved_connections')::int
            + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved,
        (SELECT sum(numbackends) FROM pg_catalog.pg_stat_database)::int AS used,
        (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = current_user) AS of_role,
        (SELECT datconnlimit FROM pg_catalog.pg_database WHERE datname = current_database())
            AS of_database
"""
"""The query for the limits of the server, of the role and of the database, and what is in use."""


def own_limit(row: Mapping[str, Any]) -> int | None:
    """The smaller limit of the role and the database; None if they have none.

    Args:
        row: The result of ``LIMITS``.
    """
    return min((each for each in (row["of_role"], row["of_database"]) if each >= 0), default=None)


def budget_of(
    row: Mapping[str, Any] | None,
    settings: DatabaseSettings,
    *,
    per_process: float,
    processes: int | None = None,
) -> Budget | None:
    """The budget, by what the server has and what the settings give; None if neither is known.

    Args:
        row: The result of ``LIMITS``; None behind a pooler, whose own limits count.
        settings: The pool's settings.
        per_process: Connections that each process may open.
        processes: Processes with a pool; those of the settings by default.
    """
    known = []
    fleet: dict[str, Any] = {
        "processes": processes or settings.pool_processes,
        "per_process": per_process,
    }
    if settings.pool_budget is not None:
        known.append(Budget(limit=settings.pool_budget, is_given=True, **fleet))
    if row is not None:
        known.append(Budget(limit=row["most"], reserved=row["reserved"], **fleet))
        if (own := own_limit(row)) is not None:
            known.append(Budget(limit=own, **fleet))
    return min(known, key=lambda budget: budget.available, default=None)


async def read_limits(
    connection: AsyncConnection, settings: DatabaseSettings
) -> Mapping[str, Any] | None:
    """Ask for ``LIMITS``, in one statement outside a transaction; nothing behind a pooler.

    Args:
        connection: A connection from the pool in question.
        settings: The pool's settings.
    """
    if not isinstance(settings.url, PostgresURL) or settings.url.is_pooled:
        return None
    plain = await connection.execution_options(
        isolation_level="AUTOCOMMIT", **{READS: True, TRANSACTIONAL: True}
    )
    try:
        return dict((await plain.execute(text(LIMITS))).mappings().one())
    except DBAPIError:
        logger.debug("the server did not report its max_connections", exc_info=True)
        return None


def warn_if_overbooked(budget: Budget, settings: DatabaseSettings) -> None:
    """Warn if all processes may open more connections than there are."""
    if budget.excess is not None:
        logger.warning(
            "%s Lower %s and %s; `wellhead pool-size` computes them.",
            budget.excess,
            settings.variable_of("pool_size"),
            settings.variable_of("max_overflow"),
            extra={
                "event": "pool_overbooked",
                "max_connections": budget.limit,
                "reserved": budget.reserved,
                "processes": budget.processes,
                "per_process": budget.per_process,
            },
        )
