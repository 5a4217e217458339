"""Reading in one round trip: a session without a transaction that refuses every write."""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, TypeVarTuple, overload

from sqlalchemy import Result, TextClause, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.interfaces import ExecutionContext
from sqlalchemy.engine.result import ScalarResult, TupleResult
from sqlalchemy.orm.interfaces import ORMOption
from sqlalchemy.sql.compiler import SQLCompiler
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import Select, SelectOfScalar

from wellhead.errors import Fault, ReadOnlyError, fault_of

logger = logging.getLogger(__package__)

T = TypeVar("T")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")


# Failures of the connection, not of the statement.
_PASSING = frozenset({Fault.CONNECTION_LOST, Fault.STALE_PLAN})


class Reader:
    """Reads outside any transaction: one statement, one round trip.

    Every statement sees the database as it is at that moment; two statements may see two states.
    Use a session where they must agree. There is nothing here to write with, and a write that
    gets here all the same raises before anything is sent.

    A statement whose connection was lost, or whose plan a change of schema made stale, is sent
    once more, on a fresh connection. Objects that were read before stay usable then.

    Args:
        open_session: Opens a session that commits by itself.
        on_repeat: Told the fault when a statement is sent once more.
    """

    def __init__(
        self,
        open_session: Callable[[], AsyncSession],
        *,
        on_repeat: Callable[[Fault], None] | None = None,
    ) -> None:
        self._open_session = open_session
        self._session = open_session()
        self._on_repeat = on_repeat

    @overload
    async def exec(
        self, statement: SelectOfScalar[T], *, params: dict[str, Any] | None = None
    ) -> ScalarResult[T]: ...

    @overload
    async def exec(
        self, statement: Select[*Ts], *, params: dict[str, Any] | None = None
    ) -> TupleResult[tuple[*Ts]]: ...

    @overload
    async def exec(
        self, statement: TextClause, *, params: dict[str, Any] | None = None
    ) -> Result[*tuple[Any, ...]]: ...

    async def exec(self, statement: Any, *, params: dict[str, Any] | None = None) -> Any:
        """Run a SELECT, as SQLModel's ``AsyncSession.exec`` does; ``text("SELECT ...")``, too.

        Raises:
            ReadOnlyError: The statement is not a plain SELECT, or it locks rows.
        """
        return await self._read(lambda session: session.exec(statement, params=params))

    async def get(
        self, entity: type[T], ident: Any, *, options: tuple[ORMOption, ...] = ()
    ) -> T | None:
        """The object with this primary key, or None."""
        return await self._read(lambda session: session.get(entity, ident, options=options))

    async def close(self) -> None:
        """Give the connection back."""
        async with self._session:
            pass  # Leaving it, unlike its close(), is finished also for a caller who is cancelled.

    async def _read(self, read: Callable[[AsyncSession], Awaitable[R]]) -> R:
        try:
            return await read(self._session)
        except Exception as error:
            fault = fault_of(error)
            if fault not in _PASSING:
                raise
            await self._replace_session(fault)
        return await read(self._session)

    async def _replace_session(self, fault: Fault) -> None:
        logger.warning(
            "sending a reader's statement once more: %s",
            fault,
            extra={"event": "reader_retry", "fault": str(fault)},
        )
        if self._on_repeat is not None:
            self._on_repeat(fault)
        await self.close()
        self._session = self._open_session()


def refuse_writes(engine: Engine) -> None:
    """Let only statements that read pass through this engine.

    What a volatile function does inside a SELECT cannot be seen from here.
    """

    @event.listens_for(engine, "before_cursor_execute")
    def refuse(
        connection: Connection,
        cursor: object,
        statement: str,
        parameters: object,
        context: ExecutionContext,
        executemany: bool,
    ) -> None:
        del connection, cursor, parameters, executemany
        what = _what_it_writes(statement, context)
        if what is not None:
            raise ReadOnlyError(
                f"A reader was given {what}; nothing was sent to the database.",
                hint="Use db.session(), or SessionDep in a route.",
            )


def _what_it_writes(statement: str, context: ExecutionContext) -> str | None:
    compiled = context.compiled
    if not isinstance(compiled, SQLCompiler) or isinstance(compiled.statement, TextClause):
        return _what_text_writes(statement)
    if compiled.isinsert or compiled.isupdate or compiled.isdelete:
        return "an INSERT, UPDATE or DELETE"
    if any(cte.element.is_dml for cte in compiled.ctes or ()):
        return "a SELECT with an INSERT, UPDATE or DELETE inside"
    if getattr(compiled.statement, "_for_update_arg", None) is not None:
        return "a SELECT that locks rows, which means nothing outside a transaction"
    return None


_READS = re.compile(r"\s*(select|values|table|show|with)\b", re.IGNORECASE)
_WRITES = re.compile(
    r"\b(insert|update|delete|merge|into|for\s+(?:no\s+key\s+)?(?:key\s+)?share)\b|;\s*\S",
    re.IGNORECASE,
)


def _what_text_writes(statement: str) -> str | None:
    if not _READS.match(statement):
        return "a statement that is not a SELECT"
    if _WRITES.search(statement):
        return "text that may write or lock"
    return None
