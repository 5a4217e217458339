"""A compiled statement on a SQLAlchemy connection, with all its listeners.

Used in a session, since the transaction is SQLAlchemy's. Otherwise it is for what the shorter way
does not cover: other pools than Wellhead's, statements that are not proved to be harmless, and
engines to whose statements the application itself listens.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from wellhead.errors import CommitUnknownError
from wellhead.errors.recognition import sqlstate_of
from wellhead.sessions.commits import counting_commits
from wellhead.sessions.queries.statement import Statement
from wellhead.sessions.reader import READ_ONLY_TRANSACTION, refusal

Outcome = tuple[list[Any], int]
"""The results, and the number of rows that were read or written."""

PARTITION = 500
"""Rows of a stream that are in memory at a time."""


def run_on(connection: Connection, statement: Statement, values: Mapping[str, Any]) -> Outcome:
    """Run it on SQLAlchemy's connection."""
    statement = _as_for(connection.get_execution_options(), statement)
    result = connection.execute(_Compiled(statement), dict(values))  # type: ignore[call-overload]
    rows: Sequence[Any] = result.all() if statement.has_rows else ()
    return statement.results(rows, ()), result.rowcount


def _as_for(options: Mapping[str, Any], statement: Statement) -> Statement:
    """The same, with the names of schemas as a connection with these options wants them."""
    schemas = options.get("schema_translate_map")
    return statement if schemas is None else statement.translated(schemas)


class _Compiled:
    """An object that SQLAlchemy's connections execute without a lookup in their cache.

    They would also take the name of each value for a column to set.
    """

    def __init__(self, statement: Statement) -> None:
        self._compiled = statement.compiled

    def _execute_on_connection(
        self, connection: Any, parameters: Any, options: Mapping[str, Any]
    ) -> Any:
        compiled = self._compiled
        options = compiled.execution_options.merge_with(connection.get_execution_options(), options)
        make = connection.dialect.execution_ctx_cls._init_compiled  # noqa: SLF001 - tests/test_undocumented_names.py
        return connection._execute_context(  # noqa: SLF001 - the same
            connection.dialect, make, compiled, parameters, options,
            compiled, parameters, compiled.statement, None,
        )  # fmt: skip


def run_in(session: Session, statement: Statement, values: Mapping[str, Any]) -> Outcome:
    """Run it in a session's transaction, after the session's flush."""
    return run_on(connection_of(session, statement), statement, values)


def connection_of(session: Session, statement: Statement) -> Connection:
    """A session's connection for it, after an autoflush."""
    if session.autoflush and (session.new or session.dirty or session.deleted):
        session.flush()
    return session.connection(bind_arguments={"clause": statement.compiled.statement})


async def read(engine: AsyncEngine, statement: Statement, values: Mapping[str, Any]) -> Outcome:
    """Read in one statement, outside any transaction."""
    async with engine.connect() as connection:
        return await connection.run_sync(run_on, statement, values)


async def read_protected(
    engine: AsyncEngine, statement: Statement, values: Mapping[str, Any]
) -> Outcome:
    """Read in a transaction that the server enforces to be read-only.

    Raises:
        ReadOnlyError: It writes, or has an effect that outlives a transaction.
    """
    async with engine.connect() as connection:
        try:
            outcome = await connection.run_sync(run_on, statement, values)
        except Exception as error:
            if sqlstate_of(error) == READ_ONLY_TRANSACTION:
                raise refusal("a statement that writes", was_sent=True) from error
            raise
        await end_reading(connection)
        return outcome


async def end_reading(connection: AsyncConnection) -> None:
    """End a transaction that has only read; it does not matter whether that arrives."""
    with counting_commits(apart=True), suppress(CommitUnknownError):
        await connection.commit()


async def write(engine: AsyncEngine, statement: Statement, values: Mapping[str, Any]) -> Outcome:
    """Write in its own transaction."""
    async with engine.begin() as connection:
        return await connection.run_sync(run_on, statement, values)


async def stream_on(
    connection: AsyncConnection, statement: Statement, values: Mapping[str, Any]
) -> AsyncGenerator[Any, None]:
    """The results one by one, with a server-side cursor; requires a transaction."""
    options = {"yield_per": PARTITION}
    statement = _as_for(await connection.run_sync(Connection.get_execution_options), statement)
    result = await connection.stream(
        _Compiled(statement),  # type: ignore[call-overload]
        dict(values),
        execution_options=options,
    )
    try:
        async for rows in result.partitions(PARTITION):
            for each in statement.results(rows, ()):
                yield each
    finally:
        await result.close()


async def stream_in(
    session: AsyncSession, statement: Statement, values: Mapping[str, Any]
) -> AsyncGenerator[Any, None]:
    """The same in a session's transaction."""
    await session.run_sync(connection_of, statement)
    arguments = {"clause": statement.compiled.statement}
    connection = await session.connection(bind_arguments=arguments)
    async for each in stream_on(connection, statement, values):
        yield each
