"""Reading in one round trip: a session without a transaction that refuses every write."""

import re
from typing import Any, TypeVar, TypeVarTuple, overload

from sqlalchemy import Result, TextClause, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.interfaces import ExecutionContext
from sqlalchemy.engine.result import ScalarResult, TupleResult
from sqlalchemy.orm.interfaces import ORMOption
from sqlalchemy.sql.compiler import SQLCompiler
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import Select, SelectOfScalar

from wellhead.errors import ReadOnlyError

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Reader:
    """Reads outside any transaction: one statement, one round trip.

    Every statement sees the database as it is at that moment; two statements may see two states.
    Use a session where they must agree. There is nothing here to write with, and a write that
    gets here all the same raises before anything is sent.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

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
        return await self._session.exec(statement, params=params)

    async def get(
        self, entity: type[T], ident: Any, *, options: tuple[ORMOption, ...] = ()
    ) -> T | None:
        """The object with this primary key, or None."""
        return await self._session.get(entity, ident, options=options)


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
