"""A compiled query, as an application holds it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Dialect
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlalchemy.ext.asyncio import AsyncSession

from wellhead.sessions.queries import ordinary
from wellhead.sessions.queries.binding import names_in
from wellhead.sessions.queries.runner import Runner
from wellhead.sessions.queries.statement import Statement

T = TypeVar("T")

MOST_DIALECTS = 4
"""The number of engines for which a query keeps its compiled form; usually one or two."""


class RunsQueries(Protocol):
    """A :class:`wellhead.Database`, or a :class:`wellhead.Reader`."""

    @property
    def runner(self) -> Runner:
        """Runs compiled queries."""
        ...


class Query(Generic[T]):
    """A statement that is compiled once; created by :func:`wellhead.compiled`.

    Each method first takes the object on which it runs, then the statement's values by name.

    - A :class:`wellhead.Database`: on a connection that is borrowed for this statement. What is
      proved to be read-only takes one round trip, and is sent again if its connection was lost
      or its plan is stale; anything else runs in a read-only transaction. A write is a whole unit
      of work, run again and raising as in :meth:`wellhead.Database.run`; it commits by itself, in
      one round trip.
    - A :class:`wellhead.Reader`: the same, without writes.
    - A session: in its transaction, after an autoflush, and committed with it. A write does not
      change objects that the session holds.

    Raises:
        TypeError: A value is missing, or there is none with that name.
        ReadOnlyError: A reader was given a write; or the statement locks rows, outside a session.
        CommitUnknownError: A write was sent and got no reply.
    """

    def __init__(
        self,
        statement: Any,
        into: type[Any] | None,
        optional: tuple[Any, ...],
        *,
        is_repeatable: bool,
    ) -> None:
        self._statement = statement
        self._into = into
        self._optional = [(condition, names_in(condition)) for condition in optional]
        self._own = names_in(statement)
        self._is_repeatable = is_repeatable
        self._compiled: dict[Dialect, dict[int, Statement]] = {}

    def __repr__(self) -> str:
        return f"<Query {type(self._statement).__name__.lower()}>"

    async def all(self, on: RunsQueries | AsyncSession, /, **values: Any) -> list[T]:
        """Every result, in a list."""
        return (await self._run(on, values))[0]

    async def first(self, on: RunsQueries | AsyncSession, /, **values: Any) -> T | None:
        """The first result, or None; the others are not fetched."""
        results = (await self._run(on, values, only_first=True))[0]
        return results[0] if results else None

    async def one(self, on: RunsQueries | AsyncSession, /, **values: Any) -> T:
        """The only result.

        Raises:
            NoResultFound: There is none; SQLAlchemy's exception.
            MultipleResultsFound: There are several; SQLAlchemy's. A write stays in effect.
        """
        results = (await self._run(on, values))[0]
        if len(results) != 1:
            raise _not_one(len(results))
        result: T = results[0]
        return result

    async def one_or_none(self, on: RunsQueries | AsyncSession, /, **values: Any) -> T | None:
        """The only result, or None.

        Raises:
            MultipleResultsFound: There are several; SQLAlchemy's.
        """
        results = (await self._run(on, values))[0]
        if len(results) > 1:
            raise _not_one(len(results))
        return results[0] if results else None

    async def execute(self, on: RunsQueries | AsyncSession, /, **values: Any) -> int:
        """Run it, and return how many rows it wrote or returned."""
        return (await self._run(on, values))[1]

    def stream(
        self, on: RunsQueries | AsyncSession, /, **values: Any
    ) -> AbstractAsyncContextManager[AsyncIterator[T]]:
        """The results one by one, for ``async with`` and then ``async for``; for large ones.

        The server holds the result, and at most 500 rows of it are in memory at a time. It uses a
        connection and a read-only transaction until the block ends.
        """
        return self._stream(on, values)

    @asynccontextmanager
    async def _stream(
        self, on: RunsQueries | AsyncSession, values: dict[str, Any]
    ) -> AsyncIterator[AsyncIterator[T]]:
        if isinstance(on, AsyncSession):
            statement, complete = self.statement(self._dialect_of(on), values)
            streamed = ordinary.stream_in(on, statement, complete)
            try:
                yield streamed
            finally:
                await streamed.aclose()
        else:
            async with on.runner.stream(self, values) as results:
                yield results

    async def _run(
        self, on: RunsQueries | AsyncSession, values: dict[str, Any], *, only_first: bool = False
    ) -> ordinary.Outcome:
        if isinstance(on, AsyncSession):
            statement, complete = self.statement(self._dialect_of(on), values)
            return await on.run_sync(ordinary.run_in, statement, complete)
        return await on.runner.run(self, values, only_first=only_first)

    def _dialect_of(self, session: AsyncSession) -> Dialect:
        return session.get_bind(clause=self._statement).dialect

    def statement(
        self, dialect: Dialect, values: Mapping[str, Any]
    ) -> tuple[Statement, Mapping[str, Any]]:
        """The statement to send for these values, and all values that it takes."""
        variants = self._compiled.get(dialect)
        if variants is None:
            if len(self._compiled) >= MOST_DIALECTS:
                del self._compiled[next(iter(self._compiled))]
            variants = self._compiled[dialect] = {}
        chosen = 0
        if self._optional:
            chosen, values = self._choose(values)
        found = variants.get(chosen)
        if found is None:
            found = variants[chosen] = self._compile(dialect, chosen)
        return found, found.binding.complete(values)

    def _choose(self, values: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        """The optional conditions that have values, as bits, and the values without None."""
        chosen, used, known = 0, set(self._own), set(self._own)
        for bit, (_, names) in enumerate(self._optional):
            known |= names
            if all(values.get(name) is not None for name in names):
                chosen |= 1 << bit
                used |= names
        return chosen, {
            name: value for name, value in values.items() if name in used or name not in known
        }

    def _compile(self, dialect: Dialect, chosen: int) -> Statement:
        conditions = [
            condition for bit, (condition, _) in enumerate(self._optional) if chosen >> bit & 1
        ]
        statement = self._statement.where(*conditions) if conditions else self._statement
        return Statement(statement, dialect, self._into, is_repeatable=self._is_repeatable)


def _not_one(count: int) -> NoResultFound | MultipleResultsFound:
    if count:
        return MultipleResultsFound("Multiple rows were found when exactly one was required")
    return NoResultFound("No row was found when one was required")
