"""The outcomes of COMMITs: how many succeeded, and which may have taken effect without a reply.

A COMMIT that was sent and got no reply may have taken effect. That is not an ordinary lost
connection: repeating the work could do it twice. And after a successful COMMIT nothing may claim
that the work was not done.

The drivers' connections report here (:class:`SentCommit`), below SQLAlchemy, so that no way to
commit is missed. Work that has to know opens a scope, :class:`Commits`, in its context; the tasks
that it starts inherit it.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import asyncpg
from sqlalchemy import TextClause, event
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.engine.interfaces import ExecutionContext
from sqlalchemy.sql.compiler import SQLCompiler
from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead.errors import CommitUnknownError
from wellhead.errors.recognition import is_definite_answer
from wellhead.pool import is_gone
from wellhead.pool.connection_state import closed_check, driver_of
from wellhead.sessions.changes import Changes
from wellhead.sessions.statements import statements_of

READS = "wellhead_reads"
"""The execution option of connections that only read: ending their transactions commits nothing."""

# The text of one statement ends a transaction if it begins like this; a script may, if it contains
# such a word anywhere. If it does not after all, the work is not run again, which is safe.
_ENDS = re.compile(
    r"(?>\s+|/\*.*?\*/|--[^\n]*)*+(commit|end|prepare\s+transaction)\b", re.IGNORECASE | re.DOTALL
)
_MAY_END = re.compile(r"\b(commit|end|prepare|rollback|abort)\b", re.IGNORECASE)


@dataclass(slots=True, eq=False)
class Commits:
    """The COMMITs of one piece of work; each also counts in the surrounding scopes.

    Attributes:
        around: The surrounding scope.
        under_way: COMMITs that were sent and can still get a reply.
        succeeded: COMMITs that succeeded.
        unknown: COMMITs that were sent and got no reply.
        possible: Statements that may have committed by themselves: in autocommit, and text that
            may end a transaction.
        sessions: The open sessions of :meth:`wellhead.Database.session`, each with the task that
            opened it.
        on_late_commit: Called just before a COMMIT of changes is sent, with the key of its
            database; set once any further COMMIT would be too late.
    """

    around: "Commits | None" = None
    under_way: int = 0
    succeeded: int = 0
    unknown: int = 0
    possible: int = 0
    sessions: dict[AsyncSession, asyncio.Task[Any] | None] = field(default_factory=dict)
    on_late_commit: Callable[[object], None] | None = None
    _changes: Changes | None = None

    @property
    def changes(self) -> Changes:
        """What was changed, by database."""
        if self._changes is None:
            # Most requests change nothing.
            self._changes = Changes(None if self.around is None else self.around.changes)
        return self._changes

    @property
    def is_empty(self) -> bool:
        """Whether it is certain that nothing was committed, and nothing is about to be."""
        return not (self.under_way or self.succeeded or self.unknown or self.possible)

    @property
    def is_open(self) -> bool:
        """Whether something may have been committed, with an unknown outcome."""
        return bool(self.under_way or self.unknown or self.possible)

    def note(
        self, *, under_way: int = 0, succeeded: int = 0, unknown: int = 0, possible: int = 0
    ) -> None:
        """Add to the figures, here and in the surrounding scopes."""
        scope: Commits | None = self
        while scope is not None:
            scope.under_way += under_way
            scope.succeeded += succeeded
            scope.unknown += unknown
            scope.possible += possible
            scope = scope.around

    def settle(self) -> None:
        """Clear what is open here: the work was repeated, with a known outcome."""
        self.note(unknown=-self.unknown, possible=-self.possible)
        self.changes.settle()


current_commits: ContextVar[Commits | None] = ContextVar("wellhead_commits", default=None)
"""The scope of the running task and of the tasks that it starts."""


def counting_commits(*, apart: bool = False) -> "Counting":
    """A scope for the COMMITs of the block.

    Args:
        apart: Whether they do not count in the surrounding scopes.
    """
    return Counting(Commits(None if apart else current_commits.get()))


class Counting:
    """The context manager of a scope; not a generator, which costs twice as much."""

    __slots__ = ("_commits", "_token")

    def __init__(self, commits: Commits) -> None:
        self._commits = commits

    def __enter__(self) -> Commits:
        self._token = current_commits.set(self._commits)
        return self._commits

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        current_commits.reset(self._token)


_NO_SCOPE = Commits()

# The server function that stops waiting for a standby; its message is translated. The server
# reports it in a warning, and replies to COMMIT with success:
# https://www.postgresql.org/docs/current/warm-standby.html#SYNCHRONOUS-REPLICATION
GAVE_UP_WAITING = "SyncRepWaitForLSN"


class SentCommit:
    """The block in which a driver sends a COMMIT and waits for the reply.

    Args:
        connection: The driver's connection. ``is_outcome_unknown`` is set on it if there is no
            reply; ``is_unreplicated`` is set from outside if the server stopped waiting for its
            standby.
        was_gone: Whether the peer is known to have hung up; None to check.

    Raises:
        CommitUnknownError: It was sent and got no reply, or it may not have reached its standby.
    """

    __slots__ = ("_commits", "_connection", "_was_gone")

    def __init__(self, connection: Any, *, was_gone: bool | None = None) -> None:
        self._connection = connection
        self._commits = current_commits.get() or _NO_SCOPE
        # A connection that had ended before cannot have delivered the COMMIT.
        self._was_gone = is_gone(connection) if was_gone is None else was_gone

    def __enter__(self) -> None:
        connection = self._connection
        connection.is_outcome_unknown = connection.is_unreplicated = False
        self._commits.note(under_way=1)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            is_unknown = not (self._was_gone or self._says_that_nothing_was_done(error))
        else:
            is_unknown = self._connection.is_unreplicated
        self._connection.is_outcome_unknown = is_unknown
        is_done = error is None and not is_unknown
        self._commits.note(under_way=-1, unknown=int(is_unknown), succeeded=int(is_done))
        if self._commits is not _NO_SCOPE:
            self._note_changes(is_done=is_done, is_unknown=is_unknown)
        if not is_unknown:
            return
        if error is None:
            raise CommitUnknownError.without_standby()
        if isinstance(error, Exception):
            raise CommitUnknownError.after_silence() from error

    def _note_changes(self, *, is_done: bool, is_unknown: bool) -> None:
        changes, database = self._commits.changes, self._connection.database
        if is_done:
            changes.commit(database)
        elif is_unknown:
            changes.doubt(database)
        else:
            changes.give_up(database)

    def _says_that_nothing_was_done(self, error: BaseException) -> bool:
        return is_definite_answer(error)


class SentStatement(SentCommit):
    """The same for a statement that commits by itself; here a refusal of its values is definite.

    Raises:
        CommitUnknownError: As above.
    """

    __slots__ = ()

    def __init__(self, connection: Any) -> None:
        super().__init__(connection, was_gone=closed_check(connection)())

    def __enter__(self) -> None:
        super().__enter__()
        if self._commits is not _NO_SCOPE:
            self._commits.changes.begin(self._connection.database)

    def _says_that_nothing_was_done(self, error: BaseException) -> bool:
        if super()._says_that_nothing_was_done(error):
            return True
        if isinstance(self._connection, asyncpg.Connection):
            # asyncpg uses the server's exception class for a value that it cannot send.
            return isinstance(error, asyncpg.DataError) and error.severity is None
        # psycopg is not waiting for anything and no server reported an error: nothing was sent.
        return not self._connection.pgconn.transaction_status


def watch_commits(engine: Engine, *, on_unknown: Callable[[], None], database: object) -> None:
    """Track an engine's statements that write or may commit, and count unknown outcomes.

    Args:
        engine: The engine.
        on_unknown: Called for each COMMIT that was sent and got no reply.
        database: The database's key in :class:`Commits`.
    """
    _know_late_commits(engine, database)

    def note_what_may_commit(
        context: ExecutionContext, statement: str, options: Mapping[str, Any]
    ) -> None:
        commits = current_commits.get()
        if commits is None or READS in options:
            return
        may_commit = options.get("isolation_level") == "AUTOCOMMIT"
        if not may_commit:
            commits.changes.begin(database)
            may_commit = not _is_built(context) and _may_end_a_transaction(statement)
        if may_commit:
            commits.note(possible=1)

    statements_of(engine).ask_first(note_what_may_commit)

    @event.listens_for(engine, "handle_error")
    def count_it(context: ExceptionContext) -> None:
        connection = context.connection
        if connection is None or connection.invalidated:
            return
        driver_connection = driver_of(connection.connection.dbapi_connection)
        if not getattr(driver_connection, "is_outcome_unknown", False):
            return
        driver_connection.is_outcome_unknown = False
        if READS not in connection.get_execution_options():
            on_unknown()
        if isinstance(context.original_exception, CommitUnknownError):
            # SQLAlchemy recognises only the drivers' own errors as a lost connection.
            context.is_disconnect = closed_check(driver_connection)()


def _know_late_commits(engine: Engine, database: object) -> None:
    @event.listens_for(engine, "connect")
    def mark(connection: Any, record: object) -> None:
        del record
        driver_connection = driver_of(connection)
        if hasattr(driver_connection, "is_outcome_unknown"):
            driver_connection.database = database

    def tell() -> None:
        commits = current_commits.get()
        if commits is None or commits.on_late_commit is None:
            return
        if database in commits.changes.pending:
            commits.on_late_commit(database)

    statements_of(engine).tell_of_commits(tell)


def _may_end_a_transaction(statement: str) -> bool:
    if ";" in statement.rstrip("; \t\r\n"):
        return _MAY_END.search(statement) is not None
    return _ENDS.match(statement) is not None


def _is_built(context: ExecutionContext) -> bool:
    compiled = context.compiled
    return isinstance(compiled, SQLCompiler) and not isinstance(compiled.statement, TextClause)
