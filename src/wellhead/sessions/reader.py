"""Reading in one round trip if that is proved to be safe, else in a read-only transaction."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, overload

from sqlalchemy import Executable, Result, TextClause, func, select
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import ExecutionContext
from sqlalchemy.engine.result import ScalarResult, TupleResult
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import SessionTransaction
from sqlalchemy.orm.interfaces import ORMOption
from sqlalchemy.sql.selectable import TypedReturnsRows
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import Select, SelectOfScalar

from wellhead.errors import CommitUnknownError, Fault, ReadOnlyError
from wellhead.errors.faults import CAN_RUN_AGAIN
from wellhead.errors.recognition import fault_of, sqlstate_of
from wellhead.retry import pause_before
from wellhead.sessions.commits import counting_commits
from wellhead.sessions.functions import EFFECTS
from wellhead.sessions.proof import Evidence, evidence_of, parameters_of
from wellhead.sessions.statements import statements_of

if TYPE_CHECKING:
    from wellhead.sessions.queries.runner import Runner, RunsReads

logger = logging.getLogger(__package__)

T = TypeVar("T")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")


READ_ONLY_TRANSACTION = "25006"
"""The SQLSTATE of a statement that writes in a read-only transaction."""

PASSING = frozenset({Fault.CONNECTION_LOST, Fault.STALE_PLAN, Fault.SERIALIZATION})
"""Failures that are not the statement's own: a read-only statement is sent again."""

# A plan that is stale again is so on every connection, as behind a pooler.
_PASSING_IN_TIME = CAN_RUN_AGAIN - {Fault.STALE_PLAN}

GUARDED = "wellhead_guarded"
"""The execution option of a reader's connections, on which no statement may write."""

LASTS = "lasts"
"""Its value if the transaction, and with it its settings, lasts longer than a statement."""


class _UnprovedError(ReadOnlyError):
    """A statement not proved to be read-only was about to be sent outside a transaction."""


class Reader:
    """Reads outside any transaction: one statement, one round trip.

    Every statement sees the database as it is at that moment; two statements may see two states.
    Use a session if they must agree. It has no methods that write, and a statement that writes
    raises before anything is sent.

    A statement that is proved to be read-only takes one round trip, and is sent again, on a fresh
    connection, if its connection was lost or a schema change made its plan stale, or after a
    serialization failure, such as a standby's conflict with recovery: at once, and further times
    within ``DATABASE_RUN_TIMEOUT`` as a unit of work. That is a SELECT built from tables,
    operators and non-volatile ``pg_catalog`` functions. Everything else, such as ``text``,
    runs in its own transaction that the server enforces to be read-only, takes three round trips,
    and is never repeated. What the server does not prevent there is an effect of the application's
    volatile functions outside the transaction.

    A reader with its own settings, or whose sessions have a hook that sends something when a
    transaction begins, is one read-only transaction from its first statement to its end.

    Tasks that share a reader take turns. Objects that were read earlier stay usable after a
    connection was lost.

    Args:
        open_session: Opens a session that commits by itself.
        open_transaction: Opens a session whose transactions are read-only.
        open_lasting: The same for transactions that last, in which settings are made.
        runner: Runs compiled queries.
        on_repeat: Called with the fault when a statement is sent again.
        deadline: Seconds after its first failure within which a statement may be sent more than
            once again.
    """

    def __init__(
        self,
        open_session: Callable[[], AsyncSession],
        open_transaction: Callable[[], AsyncSession],
        open_lasting: Callable[[], AsyncSession],
        runner: "RunsReads | None" = None,
        *,
        on_repeat: Callable[[Fault], None] | None = None,
        deadline: float = 0.0,
    ) -> None:
        self._open_session = open_session
        self._open_transaction = open_transaction
        self._open_lasting = open_lasting
        # Created at the first statement of its own: compiled queries need none.
        self._session: AsyncSession | None = None
        self._transaction: AsyncSession | None = None
        self._settings: dict[str, str] = {}
        self._schemas: dict[str | None, str | None] | None = None
        # Whether a session needs nothing before its statements.
        self._is_plain = True
        self._lasts = False
        # The transaction that has begun as it has to. A task that was cancelled leaves others.
        self._begun: SessionTransaction | None = None
        self._on_repeat = on_repeat
        self._deadline = deadline
        self._runner = runner
        self._turn = asyncio.Lock()

    @property
    def runner(self) -> "Runner":
        """Runs compiled queries, each on its own connection, or with this reader's settings.

        Raises:
            ReadOnlyError: The reader was created without one.
        """
        if self._runner is None:
            raise ReadOnlyError("This reader cannot run compiled queries.")
        if self._settings or self._schemas:
            return self._runner.within(self._read)
        return self._runner

    def set_local(self, settings: Mapping[str, str]) -> None:
        """Let every statement see these settings of the server's, such as the tenant of a policy.

        They hold in this reader only, by ``set_config(.., true)``. The reader
        then is one read-only transaction: three round trips, and one for each statement; none is
        repeated.

        Args:
            settings: Their values by name, such as ``{"app.tenant": "7"}``.

        Raises:
            ReadOnlyError: It has read before, what others than this tenant may see.
            TypeError: A value is not a text. None would mean the server's own value.
        """
        self._refuse_after_reading("set_local")
        for name, value in settings.items():
            if not isinstance(value, str):
                raise TypeError(f"The setting {name} is of type {type(value).__name__}, not str.")
        self._settings.update(settings)
        self._lasts, self._is_plain = True, False

    def translate_schemas(self, schemas: Mapping[str | None, str | None]) -> None:
        """Read the tables of other schemas; SQLAlchemy's ``schema_translate_map``.

        It costs nothing: the names are in the text of each statement. Text is not translated.

        Args:
            schemas: A schema for each of the tables' own; that of tables without is None.

        Raises:
            ReadOnlyError: It has read before, from other schemas.
        """
        self._refuse_after_reading("translate_schemas")
        self._schemas = dict(schemas)

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
        """Run a SELECT like SQLModel's ``AsyncSession.exec``; accepts ``text("SELECT ...")``, too.

        Raises:
            ReadOnlyError: The statement writes, locks rows, is several statements, or calls a
                function whose effect outlives a transaction. Nothing was sent, or the server
                refused it.
        """
        return await self._read(lambda session: session.exec(statement, params=params))

    async def execute(
        self, statement: Executable, params: dict[str, Any] | None = None
    ) -> Result[*tuple[Any, ...]]:
        """The same as SQLAlchemy's ``AsyncSession.execute``: rows, even for a single column."""
        return await self._read(lambda session: session.execute(statement, params))

    @overload
    async def scalars(
        self, statement: TypedReturnsRows[T], params: dict[str, Any] | None = None
    ) -> ScalarResult[T]: ...

    @overload
    async def scalars(
        self, statement: Executable, params: dict[str, Any] | None = None
    ) -> ScalarResult[Any]: ...

    async def scalars(
        self, statement: Executable, params: dict[str, Any] | None = None
    ) -> ScalarResult[Any]:
        """The first column of the rows."""
        return (await self.execute(statement, params)).scalars()

    async def scalar(self, statement: Executable, params: dict[str, Any] | None = None) -> Any:
        """The first column of the first row, or None."""
        return (await self.execute(statement, params)).scalar()

    async def get(
        self, entity: type[T], ident: Any, *, options: tuple[ORMOption, ...] = ()
    ) -> T | None:
        """The object with this primary key, or None."""
        return await self._read(lambda session: session.get(entity, ident, options=options))

    async def close(self) -> None:
        """Return the connection once the tasks that are reading have finished."""
        if self._turn.locked():
            await self._turn.acquire()
        self._open_session = _refuse_to_open
        # Exiting them, unlike their close(), completes even if the caller is cancelled.
        for session in (self._session, self._transaction):
            if session is not None:
                await session.__aexit__(None, None, None)

    async def _read(self, read: Callable[[AsyncSession], Awaitable[R]]) -> R:
        # Written like this, it takes half as many calls as with ``async with``.
        await self._turn.acquire()
        try:
            session = self._session or self._begin()
            if not self._is_plain:
                await self._prepare(session)
                if self._lasts:
                    return await self._read_lasting(read)
            return await read(session)
        except _UnprovedError:
            # So that one connection is enough.
            await self._own_session().commit()
            return await self._read_in_transaction(read)
        except Exception as error:
            if fault_of(error) not in PASSING or self._lasts:
                raise
            again = partial(self._read_afresh, read)
            return await read_again(again, error, deadline=self._deadline)
        finally:
            self._turn.release()

    async def _read_afresh(self, read: Callable[[AsyncSession], Awaitable[R]], fault: Fault) -> R:
        await self._replace_session(fault)
        session = self._own_session()
        if not self._is_plain:
            await self._prepare(session)
        return await read(session)

    def _own_session(self) -> AsyncSession:
        return self._session or self._begin()

    def _begin(self) -> AsyncSession:
        self._session = session = self._translated(self._open_session())
        # Hooks of the application's, which may set the tenant of each transaction.
        self._is_plain = self._is_plain and not session.sync_session.dispatch.after_begin
        return session

    def _refuse_after_reading(self, method: str) -> None:
        if self._session is not None:
            raise ReadOnlyError(
                f"reader.{method}() was called after the reader's first statement.",
                hint="Call it first, or open another reader: its objects belong to what it read "
                "from.",
            )

    def _translated(self, session: AsyncSession) -> AsyncSession:
        """The same session, all of whose connections have the schemas."""
        if self._schemas is not None:
            # A connection's own options would end with its transaction, before a lazy load.
            sync = session.sync_session
            assert sync.bind is not None  # noqa: S101 - its maker has one
            sync.bind = sync.bind.execution_options(schema_translate_map=self._schemas)
        return session

    async def _prepare(self, session: AsyncSession) -> None:
        """Let a session have its connection; learn whether a hook needs a transaction."""
        if self._lasts or self._has_begun(session):
            return
        try:
            await session.connection()
            self._begun = session.sync_session.get_transaction()
        except ReadOnlyError:
            # A hook sends something, which holds in a transaction only.
            await session.rollback()
            self._lasts = True

    async def _read_lasting(self, read: Callable[[AsyncSession], Awaitable[R]]) -> R:
        """Read in the one transaction in which the settings hold."""
        session = self._transaction
        if session is None:
            session = self._transaction = self._translated(self._open_lasting())
        try:
            if not self._has_begun(session):
                await self._begin_lasting(session)
            return await read(session)
        except asyncio.CancelledError:
            self._begun = None
            raise
        except Exception as error:
            await self._start_over(session)
            if sqlstate_of(error) == READ_ONLY_TRANSACTION:
                raise refusal("a statement that writes", was_sent=True) from error
            raise

    async def _begin_lasting(self, session: AsyncSession) -> None:
        await self._start_over(session)
        connection = await session.connection()
        if self._settings:
            calls = (func.set_config(*each, True) for each in self._settings.items())
            await connection.execute(select(*calls))
        self._begun = session.sync_session.get_transaction()

    def _has_begun(self, session: AsyncSession) -> bool:
        return self._begun is not None and self._begun is session.sync_session.get_transaction()

    async def _start_over(self, session: AsyncSession) -> None:
        # What was read before stays usable. The next statement begins again, with the settings.
        session.expunge_all()
        await session.rollback()

    async def _read_in_transaction(self, read: Callable[[AsyncSession], Awaitable[R]]) -> R:
        if self._transaction is None:
            self._transaction = self._translated(self._open_transaction())
        try:
            result = await read(self._transaction)
        except Exception as error:
            await self._transaction.rollback()
            if sqlstate_of(error) == READ_ONLY_TRANSACTION:
                raise refusal("a statement that writes", was_sent=True) from error
            raise
        # Its end commits nothing, so it does not matter whether it arrives.
        with counting_commits(apart=True), suppress(CommitUnknownError):
            await self._transaction.commit()
        return result

    async def _replace_session(self, fault: Fault) -> None:
        announce_repeat(fault)
        if self._on_repeat is not None:
            self._on_repeat(fault)
        async with self._own_session():
            pass
        self._session = self._translated(self._open_session())


def _refuse_to_open() -> AsyncSession:
    # Like a closed session: a new one would acquire a connection and keep it.
    raise InvalidRequestError("This Reader has been closed permanently.")


async def read_again(
    attempt: Callable[[Fault], Awaitable[R]], error: Exception, *, deadline: float
) -> R:
    """Send a read-only statement again: at once, and then as a unit of work runs again.

    A server that is being replaced may take away the second connection, too.

    Args:
        attempt: Sends it on a fresh connection, and is told why.
        error: Why it has to be sent again.
        deadline: Seconds from now after which no attempt begins; the first is always made.
    """
    clock = asyncio.get_running_loop().time
    ends_at = clock() + deadline
    fault, number = fault_of(error), 1
    while True:
        try:
            return await attempt(fault)
        except Exception as failure:
            fault, seconds = fault_of(failure), pause_before(number)
            if fault not in _PASSING_IN_TIME or clock() + seconds >= ends_at:
                raise
        await asyncio.sleep(seconds)
        number += 1


def announce_repeat(fault: Fault) -> None:
    """Log that a read-only statement is sent again."""
    logger.warning(
        "sending a reader's statement again: %s",
        fault,
        extra={"event": "reader_retry", "fault": str(fault)},
    )


def let_only_reads_pass(engine: Engine) -> None:
    """Refuse to readers what is known to write, or has an effect that outlives a transaction.

    This applies to connections with the option :data:`GUARDED`. If their transactions are
    read-only, statements that are not proved to be read-only may pass.
    """

    def refuse(context: ExecutionContext, statement: str, options: Mapping[str, Any]) -> None:
        if GUARDED not in options:
            return
        lasts = options[GUARDED] == LASTS
        what = _what_it_does(statement, context, evidence_of(context), lasts=lasts)
        if what is not None:
            raise refusal(what)
        if not options.get("postgresql_readonly"):
            raise _UnprovedError(
                "A statement that is not proved to be read-only was about to run outside a "
                "transaction, in the lazy load of a reader's object.",
                hint="Load it with the query, or use db.session().",
            )

    statements_of(engine).ask_first(refuse)


def refusal(what: str, *, was_sent: bool = False) -> ReadOnlyError:
    """The error for what a reader does not do."""
    end = "the server refused it" if was_sent else "nothing was sent to the database"
    hint = "Use db.session(), or SessionDep in a route."
    if _SET_CONFIG in what or _SET_LOCAL in what:
        hint = (
            "Give the reader its settings before its first statement, reader.set_local({name: "
            "value}), or use db.session(), or SessionDep in a route."
        )
    return ReadOnlyError(f"A reader was given {what}; {end}.", hint=hint)


def _what_it_does(
    statement: str, context: ExecutionContext, evidence: Evidence | None, *, lasts: bool
) -> str | None:
    """Why a reader refuses it, in words; None if a read-only transaction is enough."""
    if evidence is not None and evidence.writes:
        return "an INSERT, UPDATE or DELETE"
    if evidence is not None and evidence.locks:
        return "a SELECT that locks rows, which has no effect once it has ended"
    effects = evidence.functions & EFFECTS if evidence is not None else frozenset()
    if evidence is None or evidence.unproved:
        text = _what_text_does(statement, lasts=lasts)
        if text is not None:
            return text
    if effects:
        return f"a call of {min(effects)}, {_ENDLESS}"
    sets = evidence is not None and bool(evidence.settings)
    if sets and lasts and evidence is not None:
        sets = evidence.sets_for_the_session(parameters_of(context))
    return f"a call of {_SET_CONFIG}, {_ENDLESS if lasts else _FLEETING}" if sets else None


def _what_text_does(statement: str, *, lasts: bool) -> str | None:
    if ";" in statement.rstrip("; \t\r\n"):
        # psycopg sends text without parameters as a script, which could end our transaction.
        return "text with a semicolon in it, which may be several statements"
    if _READS.match(statement) is None:
        return _what_it_sets(statement, lasts=lasts)
    if _UNICODE_NAME.search(statement) is not None:
        return "text with a name in Unicode escapes, which may be any function"
    for word in _WORD.finditer(statement):
        name = word[0].lower()
        if name in EFFECTS:
            return f"text that names {name}, {_ENDLESS}"
        if name == _SET_CONFIG and not (lasts and _LOCAL.match(statement, word.end())):
            return f"text that names {_SET_CONFIG}, {_ENDLESS if lasts else _FLEETING}"
    return None


def _what_it_sets(statement: str, *, lasts: bool) -> str | None:
    if _SETS_LOCALLY.match(statement) is None:
        return "a statement that is not a SELECT"
    return None if lasts else f"{_SET_LOCAL}, {_FLEETING}"


_READS = re.compile(
    r"(?>\s+|/\*.*?\*/|--[^\n]*|\()*+(select|values|table|show|with|explain)\b",
    re.IGNORECASE | re.DOTALL,
)
# Anywhere, even in a literal: refusing too much is safe.
_WORD = re.compile(r"\w++")
_SET_CONFIG, _SET_LOCAL = "set_config", "SET LOCAL"
_ENDLESS = "whose effect outlives a transaction"
_FLEETING = "which would apply to that statement alone, or outlive a transaction"
# Where this is the first statement of a transaction, it could end its being read-only.
_SETS_LOCALLY = re.compile(
    r"\s*+set\s++local\s++(?!.*(?:transaction|\bU&))", re.IGNORECASE | re.DOTALL
)
_UNICODE_NAME = re.compile(r'\bU&"', re.IGNORECASE)
# The arguments that follow, of which the third is the word true; psycopg's parameters have
# parentheses.
_ARGUMENT = r"(?:%\(\w++\)s|[^(),])*+,"
_LOCAL = re.compile(rf'"?\s*+\({_ARGUMENT}{_ARGUMENT}\s*+true\s*+\)', re.IGNORECASE)
