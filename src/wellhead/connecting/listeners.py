"""Wellhead's engine listeners: slow statements, timeouts, stale connections."""

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from wellhead.errors import CommandTimeoutError, Fault
from wellhead.errors.recognition import fault_of
from wellhead.pool.connection_state import driver_of
from wellhead.pool.observing import Observer
from wellhead.sessions.statements import digest_of, kind_of, statements_of

logger = logging.getLogger(__package__)


def name_command_timeouts(engine: AsyncEngine, *, limit: float | None, variable: str) -> None:
    """Raise a ``CommandTimeoutError`` if a statement took longer than ``limit`` seconds.

    Args:
        engine: The engine that runs the statements.
        limit: Seconds, or None for no limit.
        variable: The setting's variable, for the hint.
    """

    # asyncpg raises a bare TimeoutError, which an application cannot tell from its own.
    @event.listens_for(engine.sync_engine, "handle_error")
    def name_it(context: ExceptionContext) -> BaseException | None:
        if limit is None or type(context.original_exception) is not TimeoutError:
            return None
        return CommandTimeoutError(
            f"A statement took longer than {limit:g} s and was cancelled.",
            hint=f"Make it faster, or raise {variable}.",
        )


def replace_stale_connections(engine: AsyncEngine) -> None:
    """Close a returned connection if its prepared statements are out of date."""

    # psycopg discards its prepared statements at a ROLLBACK, which autocommit never sends: after a
    # schema change, a reader's statement would fail on that connection forever.
    @event.listens_for(engine.sync_engine, "handle_error")
    def replace_it(context: ExceptionContext) -> None:
        error, connection = context.sqlalchemy_exception, context.connection
        if error is None or connection is None or fault_of(error) is not Fault.STALE_PLAN:
            return
        connection.connection.invalidate(soft=True)


def report_to(observers: Sequence[Observer], engine: AsyncEngine) -> None:
    """Report the statements and COMMITs of an engine, and let its connections count exchanges."""
    if not observers:
        return
    statements_of(engine.sync_engine).observe(observers)

    @event.listens_for(engine.sync_engine, "connect")
    def count(dbapi_connection: Any, record: object) -> None:
        del record
        connection = driver_of(dbapi_connection)
        if hasattr(connection, "count_exchanges"):
            connection.count_exchanges()


def log_slow_queries(engine: AsyncEngine, *, threshold: float, echo: str) -> None:
    """Warn of each statement that takes this many seconds, by its kind and digest only.

    Args:
        engine: The engine that runs the statements.
        threshold: Seconds.
        echo: The variable that shows the statements.
    """

    def warn(_: object, statement: str, seconds: float) -> None:
        warn_if_slow(statement, seconds, threshold=threshold, echo=echo)

    statements_of(engine.sync_engine).tell_of(warn)


def warn_if_slow(statement: str, seconds: float, *, threshold: float, echo: str) -> None:
    """Warn of a statement that took this many seconds, by its kind and digest only.

    Args:
        statement: Its text.
        seconds: Its duration.
        threshold: Seconds from which on that is slow.
        echo: The variable that shows the statements.
    """
    if seconds >= threshold:
        kind, digest = kind_of(statement), digest_of(statement)
        logger.warning(
            "slow query: %s took %.3f s (limit %g s), statement %s; %s=true shows the statements",
            kind,
            seconds,
            threshold,
            digest,
            echo,
            extra={
                "event": "slow_query",
                "seconds": round(seconds, 6),
                "threshold": threshold,
                "statement_kind": kind,
                "statement_digest": digest,
            },
        )
