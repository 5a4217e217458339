"""The state of the schema, compared with the migrations of this program.

Readiness needs it, and must not need Alembic for it: the reader of the state is passed in.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from wellhead.errors import SchemaAheadError, SchemaBehindError, WellheadError
from wellhead.errors.recognition import sqlstate_of

logger = logging.getLogger(__package__)

ASK_AGAIN_AFTER = 5.0
"""Seconds before a schema that was behind is looked at again."""

DOUBT_AGAIN_AFTER = 1.0
"""Seconds before a failed statement has the schema looked at again, whatever was known."""

SAY_AGAIN_AFTER = 60.0
"""Seconds before the log says again that statements fail because of the schema."""

UNDEFINED = frozenset({"3F000", "42703", "42704", "42804", "42883", "42P01", "42P10"})
"""The codes of statements that do not fit the schema: no such schema, column, object, function or
table, a column of another type, no such unique index.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The state of a database's schema.

    Attributes:
        position: ``at_head``; ``behind``, migrations are missing; or ``ahead``, the database has
            migrations that this program does not know, as an old program sees it while a new one
            is being rolled out.
        current: The revisions that the database is at; none if it is empty.
        head: The newest revision of the program; None if it has no migrations.
        pending: The revisions still to be applied, oldest first.
    """

    position: Literal["at_head", "behind", "ahead"]
    current: tuple[str, ...]
    head: str | None
    pending: tuple[str, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Whether the program can work with this schema."""
        return self.position != "behind"

    def __str__(self) -> str:
        at = ", ".join(self.current) or "nothing"
        if self.position == "behind":
            return f"behind: the database is at {at}; not applied: {', '.join(self.pending)}"
        if self.position == "ahead":
            return f"ahead: the database is at {at}, which this program does not know"
        return f"at head: {at}"


class SchemaSource(Protocol):
    """An object that can read the state; :class:`wellhead.migrations.Migrations` does."""

    @property
    def command(self) -> str:
        """The command that applies the migrations, for the log."""
        ...

    async def read_state(self, connection: AsyncConnection) -> SchemaState:
        """Read the state on a connection, which is left as it was."""
        ...


class SchemaWatch:
    """Knows the state; once the schema was found ready, the database is not asked again.

    Args:
        source: Reads the state.
        connect: Returns a connection to read it on.
        timeout: Seconds that a reading may take.

    Attributes:
        known: The state as it was last read.
    """

    def __init__(
        self,
        source: SchemaSource,
        connect: Callable[[], AbstractAsyncContextManager[AsyncConnection]],
        *,
        timeout: float,
    ) -> None:
        self._source = source
        self._connect = connect
        self._timeout = timeout
        self.known: SchemaState | None = None
        self._read_at = 0.0
        self._reading = asyncio.Lock()
        # The failures of one database's statements; an application may have several.
        self._failures: WeakSet[BaseException] = WeakSet()
        self._doubted_at = self._said_at = -math.inf

    def watch(self, engine: AsyncEngine) -> None:
        """Note which statements of this engine do not fit the schema; sends no query."""

        @event.listens_for(engine.sync_engine, "handle_error")
        def failed(context: ExceptionContext) -> None:
            if sqlstate_of(context.original_exception) in UNDEFINED:
                self._failures.add(context.original_exception)

    async def read(self, connection: AsyncConnection) -> SchemaState:
        """Read the state now.

        Raises:
            MigrationError: The program's migrations contradict each other.
        """
        state = await self._source.read_state(connection)
        if state != self.known:
            self._announce(state)
        self.known, self._read_at = state, time.monotonic()
        return state

    async def state(self) -> SchemaState | None:
        """The state as far as it is known; None if it could never be read.

        Queries the database only while the schema is behind, and at most every ``ASK_AGAIN_AFTER``
        seconds.
        """
        async with self._reading:
            last = self.known
            is_recent = time.monotonic() - self._read_at < ASK_AGAIN_AFTER
            if last is not None and (last.is_ready or is_recent):
                return last
            await self._look()
            return self.known

    async def explain(self, error: BaseException) -> SchemaBehindError | SchemaAheadError | None:
        """Why a statement did not fit the schema, if that is not the program's; else None.

        Reads the state, at most once a second, and logs the reason, at most once a minute.
        """
        if getattr(error, "orig", None) not in self._failures:
            return None
        async with self._reading:
            if time.monotonic() - self._doubted_at >= DOUBT_AGAIN_AFTER:
                await self._look()
                self._doubted_at = time.monotonic()
        state = self.known
        if state is None or state.position == "at_head":
            return None
        kind = SchemaBehindError if state.position == "behind" else SchemaAheadError
        if time.monotonic() - self._said_at >= SAY_AGAIN_AFTER:
            self._said_at = time.monotonic()
            logger.error(
                "statements fail (the last one with SQLSTATE %s) because the schema is %s. %s",
                sqlstate_of(error),
                state,
                self._remedy(state),
                extra={"event": "schema_unfit", **_figures(state)},
            )
        return kind(f"The schema is {state}.", hint=self._remedy(state))

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(self._timeout), self._connect() as connection:
                await self.read(connection)
        except (WellheadError, SQLAlchemyError, OSError) as error:
            # That the database does not respond is reported elsewhere.
            logger.debug("the state of the schema could not be read: %s", type(error).__name__)

    def _announce(self, state: SchemaState) -> None:
        level = logging.INFO if state.position == "at_head" else logging.WARNING
        logger.log(
            level,
            "the schema is %s. %s" if state.position != "at_head" else "the schema is %s%s",
            state,
            self._remedy(state),
            extra={"event": "schema_state", **_figures(state)},
        )

    def _remedy(self, state: SchemaState) -> str:
        if state.position == "behind":
            return f"Apply them with: {self._source.command}"
        if state.position == "ahead":
            return "Run the version of the program that has migrated it."
        return ""


def _figures(state: SchemaState) -> Mapping[str, object]:
    return {"position": state.position, "current": list(state.current), "head": state.head}
