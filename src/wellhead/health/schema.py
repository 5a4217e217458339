"""The state of the schema, compared with the migrations of this program.

Readiness needs it, and must not need Alembic for it: the reader of the state is passed in.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from wellhead.errors import WellheadError

logger = logging.getLogger(__package__)

ASK_AGAIN_AFTER = 5.0
"""Seconds before a schema that was behind is looked at again."""


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

    async def read(self, connection: AsyncConnection) -> SchemaState:
        """Read the state now.

        Raises:
            MigrationError: The program's migrations contradict each other.
        """
        state = await self._source.read_state(connection)
        if state != self.known:
            _announce(state)
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
            try:
                async with asyncio.timeout(self._timeout), self._connect() as connection:
                    await self.read(connection)
            except (WellheadError, SQLAlchemyError, OSError) as error:
                # That the database does not respond is reported elsewhere.
                logger.debug("the state of the schema could not be read: %s", type(error).__name__)
            return self.known


def _announce(state: SchemaState) -> None:
    level = logging.INFO if state.position == "at_head" else logging.WARNING
    logger.log(
        level,
        "the schema is %s",
        state,
        extra={
            "event": "schema_state",
            "position": state.position,
            "current": list(state.current),
            "head": state.head,
        },
    )
