"""How compiled queries run outside sessions: which way each takes, and what is repeated."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from copy import copy
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol

from sqlalchemy import Dialect
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from wellhead.errors import Fault, ReadOnlyError
from wellhead.errors.recognition import fault_of
from wellhead.sessions.queries import ordinary
from wellhead.sessions.queries.driver import DriverWay
from wellhead.sessions.queries.ordinary import Outcome
from wellhead.sessions.queries.statement import Statement
from wellhead.sessions.reader import PASSING, announce_repeat, read_again, refusal
from wellhead.sessions.run_stats import RunCounter
from wellhead.sessions.unit_of_work import UnitOfWork

Values = Mapping[str, Any]


class HasStatements(Protocol):
    """A query."""

    def statement(self, dialect: Dialect, values: Values) -> tuple[Statement, Values]:
        """The statement to send for these values, and all values that it takes."""
        ...


@dataclass(frozen=True, slots=True)
class Engines:
    """One engine with the execution options of each use.

    Attributes:
        writing: For sessions and writes.
        reading: In autocommit, for what is proved to be read-only.
        protected: With read-only transactions.
    """

    writing: AsyncEngine
    reading: AsyncEngine
    protected: AsyncEngine


Read = Callable[[Callable[[AsyncSession], Awaitable[Outcome]]], Awaitable[Outcome]]


class Runner(Protocol):
    """Runs compiled queries."""

    async def run(self, query: HasStatements, values: Values, *, only_first: bool) -> Outcome:
        """Run a query."""
        ...

    def stream(
        self, query: HasStatements, values: Values
    ) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        """The results of a query one by one."""
        ...


class RunsReads(Runner, Protocol):
    """Runs the compiled queries of readers."""

    def within(self, read: Read) -> Runner:
        """The same in the session of a reader that was told whose rows to see."""
        ...


class SessionRunner:
    """Runs compiled queries in the session of a reader.

    Args:
        dialect: That of its engine.
        read: Calls a function with the session, once it is this caller's turn.
    """

    def __init__(self, dialect: Dialect, read: Read) -> None:
        self._dialect = dialect
        self._read = read

    async def run(self, query: HasStatements, values: Values, *, only_first: bool) -> Outcome:
        """Run a query, which must not write."""
        del only_first
        statement, values = query.statement(self._dialect, values)
        if statement.writes:
            raise refusal("an INSERT, UPDATE or DELETE")
        return await self._read(
            lambda session: session.run_sync(ordinary.run_in, statement, values)
        )

    def stream(
        self, query: HasStatements, values: Values
    ) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        """Refuse: the reader's other statements would have to wait for the last row."""
        del query, values
        raise ReadOnlyError(
            "A reader that was given settings or schemas cannot stream a compiled query.",
            hint="Stream it in db.session(), with the same settings.",
        )


@dataclass(frozen=True, slots=True)
class Sessions:
    """The application's sessions, for what their hooks have to hear of.

    Attributes:
        hooks: What they call when a transaction begins, by SQLAlchemy's ``after_begin``.
        writing: Opens one.
        reading: Opens one whose transactions are read-only.
    """

    hooks: Collection[Any]
    writing: Callable[[], AsyncSession]
    reading: Callable[[], AsyncSession]


class QueryRunner:
    """Runs the compiled queries of one database.

    Args:
        engines: The engines.
        driver: The way without SQLAlchemy; None if it is not available.
        runs: Counts units of work and repeated reads.
        counted: Counts what is in progress, for the closing of the database.
        deadline: Seconds after which no attempt of a write begins, nor one of a read that has
            failed.
        reads_directly: Whether reads need no transaction. False if asyncpg prepares no statements:
            it then learns the types of a result in a separate round trip, and a schema change
            between the two could make it misread a value.
        sessions: Where every query runs if these have hooks, which may decide what rows it sees.
        dialect: For which queries are compiled; None for the engines' own.
        writes_directly: Whether a write may commit by itself. False in that case, too, and if
            server limits, or an isolation level, apply only inside transactions.
    """

    def __init__(
        self,
        engines: Engines,
        driver: DriverWay | None,
        runs: RunCounter,
        counted: Callable[[], AbstractContextManager[None]],
        *,
        deadline: float,
        reads_directly: bool,
        writes_directly: bool,
        sessions: Sessions,
        dialect: Dialect | None = None,
    ) -> None:
        self._engines = engines
        self._driver = driver
        self._runs = runs
        self._counted = counted
        self._deadline = deadline
        self._reads_directly = reads_directly
        self._writes_directly = writes_directly
        self._may_write = True
        self._sessions = sessions
        self._hooks = sessions.hooks
        self._dialect = dialect or engines.writing.dialect
        self._listeners = self._count_listeners()
        options = engines.writing.sync_engine.get_execution_options()
        if options.get("schema_translate_map") is not None:
            # The driver would be sent the names of other schemas.
            self._driver = None

    @property
    def dialect(self) -> Dialect:
        """The dialect for which queries are compiled."""
        return self._dialect

    @property
    def has_hooks(self) -> bool:
        """Whether sessions have hooks, which may decide what rows a query sees."""
        return bool(self._hooks)

    @cached_property
    def reading(self) -> "QueryRunner":
        """The same for a reader: it refuses writes."""
        other = copy(self)
        other._may_write = False  # noqa: SLF001 - same class
        return other

    async def run(self, query: HasStatements, values: Values, *, only_first: bool) -> Outcome:
        """Run a query: a read, or a write as a whole unit of work."""
        statement, values = query.statement(self._dialect, values)
        with self._counted():
            if statement.only_reads and not self._hooks:
                driver = self._direct() if self._reads_directly else None
                try:
                    if driver is not None:
                        return await driver.send(statement, values, only_first=only_first)
                    return await self._read_ordinarily(statement, values)
                except Exception as error:
                    if fault_of(error) not in PASSING:
                        raise
                    again = partial(self._read_again, driver, statement, values, only_first)
                    return await read_again(again, error, deadline=self._deadline)
            if not statement.writes:
                read = self._read_in_session if self._hooks else self._read_protected
                return await read(statement, values)
            if not self._may_write:
                raise refusal("an INSERT, UPDATE or DELETE")
            return await self._write(statement, values)

    def within(self, read: Read) -> SessionRunner:
        """The same in the session of a reader that was told whose rows to see."""
        return SessionRunner(self._dialect, read)

    @asynccontextmanager
    async def stream(
        self, query: HasStatements, values: Values
    ) -> AsyncIterator[AsyncIterator[Any]]:
        """The results of a query one by one, in a read-only transaction."""
        statement, values = query.statement(self._dialect, values)
        if statement.writes:
            raise refusal("an INSERT, UPDATE or DELETE, to be streamed")
        with self._counted():
            if self._hooks:
                async with self._sessions.reading() as session:
                    results = ordinary.stream_in(session, statement, values)
                    try:
                        yield results
                    finally:
                        await results.aclose()
                return
            async with self._engines.protected.connect() as connection:
                results = ordinary.stream_on(connection, statement, values)
                try:
                    yield results
                finally:
                    await results.aclose()
                await ordinary.end_reading(connection)

    async def _read_ordinarily(self, statement: Statement, values: Values) -> Outcome:
        if self._reads_directly:
            return await ordinary.read(self._engines.reading, statement, values)
        return await self._read_protected(statement, values)

    async def _read_again(
        self,
        driver: DriverWay | None,
        statement: Statement,
        values: Values,
        only_first: bool,
        fault: Fault,
    ) -> Outcome:
        announce_repeat(fault)
        self._runs.count_repeated_read(fault)
        if driver is None:
            return await self._read_ordinarily(statement, values)
        return await driver.send(statement, values, only_first=only_first, is_repeated=True)

    async def _read_protected(self, statement: Statement, values: Values) -> Outcome:
        return await ordinary.read_protected(self._engines.protected, statement, values)

    async def _read_in_session(self, statement: Statement, values: Values) -> Outcome:
        async with self._sessions.reading() as session:
            return await session.run_sync(ordinary.run_in, statement, values)

    async def _write(self, statement: Statement, values: Values) -> Outcome:
        async def attempt() -> Outcome:
            if self._hooks:
                async with self._sessions.writing() as session, session.begin():
                    return await session.run_sync(ordinary.run_in, statement, values)
            driver = self._direct() if self._writes_directly else None
            if driver is None or not statement.leaves_nothing:
                return await ordinary.write(self._engines.writing, statement, values)
            return await driver.send(statement, values, only_first=False)

        unit = UnitOfWork(
            attempt, self._runs, deadline=self._deadline, is_repeatable=statement.is_repeatable
        )
        return await unit.run()

    def _direct(self) -> DriverWay | None:
        """The way without SQLAlchemy, unless the application listens on its engine."""
        if self._driver is None or self._count_listeners() != self._listeners:
            return None
        return self._driver

    def _count_listeners(self) -> int:
        engine = self._engines.writing.sync_engine
        heard, lent = engine.dispatch, engine.pool.dispatch
        before, after = heard.before_cursor_execute, heard.after_cursor_execute
        out, back = lent.checkout, lent.checkin
        # Not len() of each, which is implemented in Python.
        return (
            len(before.listeners) + len(before.parent_listeners)
            + len(after.listeners) + len(after.parent_listeners)
            + len(out.listeners) + len(out.parent_listeners)
            + len(back.listeners) + len(back.parent_listeners)
        )  # fmt: skip
