"""A driver's exception as SQLAlchemy would raise it, reported to all listeners for failures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exc as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.base import ExceptionContextImpl
from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(slots=True)
class Execution:
    """What listeners for failures inspect: the statement and its values."""

    compiled: Any
    compiled_parameters: list[Any]


def as_sqlalchemy(
    engine: AsyncEngine,
    error: BaseException,
    *,
    text: str,
    execution: Execution,
    dbapi_connection: Any = None,
    is_lost: bool = False,
) -> BaseException:
    """The exception to raise in place of a driver's; itself if SQLAlchemy would not wrap it.

    Args:
        engine: The engine whose listeners are called.
        error: What the driver raised, or what refused a value before that.
        text: The statement.
        execution: What is known about it.
        dbapi_connection: SQLAlchemy's connection around the driver's; None if there was none yet.
        is_lost: Whether the connection is unusable.
    """
    dialect = engine.dialect
    told = error if dbapi_connection is None else _adapted(dbapi_connection, error)
    raised: sa.StatementError | None = None
    is_of_driver = isinstance(told, dialect.loaded_dbapi.Error)
    if is_of_driver or (dbapi_connection is None and isinstance(told, Exception)):
        wrapped: Any = sa.DBAPIError.instance(
            text,
            None,
            told,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=is_lost,
            dialect=dialect,
        )
        raised = wrapped
    context: Any = ExceptionContextImpl(
        told, raised, engine.sync_engine, dialect, None, None, text, None, execution, is_lost,  # type: ignore[arg-type]  # all that listeners need
        False, False,
    )  # fmt: skip
    replaced: BaseException | None = None
    for listener in dialect.dispatch.handle_error:
        try:
            given = listener(context)
        except Exception as other:  # noqa: BLE001 - a listener's exception replaces the failure
            replaced = other
            break
        if given is not None:
            context.chained_exception = replaced = given
    return replaced or raised or error


def is_disconnect(dialect: Dialect, dbapi_connection: Any, error: BaseException) -> bool:
    """Whether SQLAlchemy would consider the connection lost after this failure."""
    told = _adapted(dbapi_connection, error)
    if not isinstance(told, dialect.loaded_dbapi.Error):
        return False
    return dialect.is_disconnect(told, dbapi_connection, None)


def _adapted(dbapi_connection: Any, error: BaseException) -> BaseException:
    # SQLAlchemy 2.0 has no adapter for psycopg, whose exceptions it uses as they are.
    adapt: Callable[[BaseException], None] | None = getattr(
        dbapi_connection, "_handle_exception", None
    )
    if adapt is None or not isinstance(error, Exception):
        return error
    try:
        adapt(error)
    except Exception as adapted:  # noqa: BLE001 - this is how it returns
        return adapted
    return error
