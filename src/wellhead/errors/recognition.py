"""Find the fault behind an exception.

A failure is recognised by its class if that is Wellhead's or SQLAlchemy's own, by
``connection_invalidated``, by its SQLSTATE, and by its text only if the code is missing or says
nothing: PgBouncer refuses with 08P01, Neon's proxy and Supavisor with XX000, pgcat with 58000.
Texts that can repeat a value from the application are never searched.
"""

import ssl
from collections.abc import Sequence

from sqlalchemy import exc as sa
from sqlalchemy.orm import exc as orm

from wellhead.errors.attempts import Attempt, attempts_in
from wellhead.errors.faults import Fault
from wellhead.errors.groups import gravest, leaves_of
from wellhead.errors.sqlstates import NEED_TEXT, fault_of_sqlstate
from wellhead.errors.texts import refusal_in
from wellhead.errors.tree import (
    AuthenticationError,
    CommandTimeoutError,
    CommittedError,
    CommitUnknownError,
    ConfigurationError,
    ConnectError,
    CredentialsError,
    DatabaseNotFoundError,
    LateCommitError,
    NotOpenError,
    PartlyCommittedError,
    PoolMisuseError,
    PoolTimeout,
    ReadOnlyError,
    RequestTimeoutError,
    RolledBackError,
    SchemaAheadError,
    SchemaBehindError,
    SessionInUseError,
    StandbyError,
    StartingError,
    TLSError,
    TooManyConnectionsError,
    UnreachableError,
)

_BY_CLASS: tuple[tuple[type[BaseException], Fault], ...] = (
    (AuthenticationError, Fault.AUTHENTICATION),
    (CredentialsError, Fault.CREDENTIALS),
    (DatabaseNotFoundError, Fault.DATABASE_NOT_FOUND),
    (TLSError, Fault.TLS),
    (UnreachableError, Fault.UNREACHABLE),
    (StartingError, Fault.STARTING),
    (TooManyConnectionsError, Fault.TOO_MANY_CONNECTIONS),
    (ConnectError, Fault.REFUSED),
    (CommandTimeoutError, Fault.STATEMENT_TIMEOUT),
    (CommittedError, Fault.COMMITTED),
    (RequestTimeoutError, Fault.REQUEST_TIMEOUT),
    (StandbyError, Fault.STANDBY),
    (CommitUnknownError, Fault.OUTCOME_UNKNOWN),
    (PartlyCommittedError, Fault.PARTLY_COMMITTED),
    (LateCommitError, Fault.PROGRAMMING),
    (RolledBackError, Fault.PROGRAMMING),
    (SchemaBehindError, Fault.SCHEMA_BEHIND),
    (SchemaAheadError, Fault.SCHEMA_AHEAD),
    (NotOpenError, Fault.NOT_OPEN),
    (ReadOnlyError, Fault.PROGRAMMING),
    (ConfigurationError, Fault.PROGRAMMING),
    (PoolMisuseError, Fault.PROGRAMMING),
    (SessionInUseError, Fault.PROGRAMMING),
    # NotLoadedError is a MissingGreenlet.
    (sa.MissingGreenlet, Fault.PROGRAMMING),
    (orm.DetachedInstanceError, Fault.PROGRAMMING),
    (sa.TimeoutError, Fault.SATURATED),
    (orm.StaleDataError, Fault.SERIALIZATION),
    # The peer closed the connection during the handshake: the certificates are not at fault.
    (ssl.SSLEOFError, Fault.UNREACHABLE),
    (ssl.SSLZeroReturnError, Fault.UNREACHABLE),
    (ssl.SSLError, Fault.TLS),
)

# Which of several attempts is reported: the one that waiting is least likely to fix.
_TELLING = (Fault.STARTING, Fault.CONNECTION_LOST, Fault.UNREACHABLE)

# SQLite has no error codes, and names tables and columns.
_BY_SQLITE_TEXT: tuple[tuple[str, Fault], ...] = (
    ("unique constraint failed", Fault.UNIQUE),
    ("foreign key constraint failed", Fault.FOREIGN_KEY),
    ("check constraint failed", Fault.CHECK),
    ("not null constraint failed", Fault.NOT_NULL),
    ("database is locked", Fault.LOCK_TIMEOUT),
)


def decisive(error: BaseException) -> BaseException:
    """The exception that decides what an exception group means; any other exception, itself."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    return gravest(leaves_of(error), fault_of)


def fault_of(error: BaseException) -> Fault:
    """Name the fault behind an exception; see :func:`wellhead.classify`."""
    error = decisive(error)
    if isinstance(error, PoolTimeout) and error.__cause__ is not None:
        # A caller that waits while the database is away is not waiting for other callers.
        return fault_of(error.__cause__)
    by_class = next((fault for kind, fault in _BY_CLASS if isinstance(error, kind)), None)
    if by_class is not None:
        return by_class
    source = _source(error)
    if getattr(error, "connection_invalidated", False):
        pooler_is_full = _by_text(error, attempts_in(source)[0]) is Fault.TOO_MANY_CONNECTIONS
        return Fault.TOO_MANY_CONNECTIONS if pooler_is_full else Fault.CONNECTION_LOST
    return _fault_of_attempt(error, telling_attempt(error))


def telling_attempt(error: BaseException) -> Attempt:
    """The most telling of the attempts to connect that a driver's exception reports.

    A permanent refusal tells more than a transient one, and that more than silence.
    """
    attempts = attempts_in(_source(error))
    if len(attempts) == 1:
        return attempts[0]

    def rank(attempt: Attempt) -> tuple[int, bool]:
        return _silence(_fault_of_attempt(error, attempt)), attempt.lacks_route

    return min(attempts, key=rank)


def most_telling(errors: Sequence[Exception]) -> Exception:
    """The same of the exceptions of several attempts."""
    return min(errors, key=lambda error: _silence(fault_of(error)))


def _silence(fault: Fault) -> int:
    return _TELLING.index(fault) + 1 if fault in _TELLING else 0


def sqlstate_of(error: BaseException) -> str | None:
    """The five-character code of the server, from any driver's exception, or None."""
    source = _source(decisive(error))
    sqlstate = getattr(source, "sqlstate", None)
    if sqlstate is None and _package(source) == "psycopg":
        # libpq has no code for a refused connection, but writes it into the text.
        sqlstate = telling_attempt(source).sqlstate
    return sqlstate if isinstance(sqlstate, str) else None


def is_definite_answer(error: BaseException) -> bool:
    """Whether a failure proves that the requested work was not done.

    An error of the server does. One that ends the connection is FATAL, and proves nothing about
    earlier statements. asyncpg's own refusals come before anything is sent.
    """
    if isinstance(error, RolledBackError):
        return True
    source = _source(error)
    if type(source).__module__.startswith("asyncpg.") and _is_of(source, "InterfaceError"):
        return True
    sqlstate = sqlstate_of(source)
    if sqlstate is None or sqlstate.startswith("08") or sqlstate == "40003":
        return False
    return _severity(source) == "ERROR"


def _severity(source: BaseException) -> str | None:
    told = getattr(getattr(source, "diag", None), "severity_nonlocalized", None) or getattr(
        source.__cause__ or source, "severity_en", None
    )
    return told if isinstance(told, str) else None


def _source(error: BaseException) -> BaseException:
    if isinstance(error, sa.DBAPIError) and error.orig is not None:
        return error.orig
    return error


def _fault_of_attempt(error: BaseException, attempt: Attempt) -> Fault:
    source = _source(error)
    by_text = _by_text(error, attempt)
    return (
        by_text
        or fault_of_sqlstate(attempt.sqlstate, attempt.words)
        or _by_kind(error, source, attempt)
    )


def _by_text(error: BaseException, attempt: Attempt) -> Fault | None:
    if attempt.sqlstate not in NEED_TEXT:
        return None
    source = _source(error)
    package = _package(source)
    text = attempt.words.lower()
    if package == "sqlite3":
        return next((fault for start, fault in _BY_SQLITE_TEXT if text.startswith(start)), None)
    if not _speaks_of_connections(source, package):
        return None
    if attempt.sqlstate is not None and _is_of_a_statement(error, source):
        return None
    refusal = refusal_in(text)
    return refusal.fault if refusal else None


def _is_of_a_statement(error: BaseException, source: BaseException) -> bool:
    # A function can raise any code with any text. What a pooler sends in place of a statement's
    # result ends the connection, so it is FATAL.
    has_run = isinstance(error, sa.DBAPIError) or _package(source) == "psycopg"
    return has_run and _severity(source) == "ERROR"


def _speaks_of_connections(source: BaseException, package: str) -> bool:
    if package == "psycopg":
        return _is_of(source, "OperationalError") or _is_of(source, "InternalError_")
    if package in {"asyncpg", "sqlalchemy"}:
        # asyncpg's exceptions arrive in classes of SQLAlchemy's dialect, never as themselves.
        return not isinstance(source, sa.SQLAlchemyError) and not _is_of(source, "DataError")
    return isinstance(source, OSError)


def _by_kind(error: BaseException, source: BaseException, attempt: Attempt) -> Fault:
    if isinstance(error, sa.DataError) or _is_of(source, "DataError"):
        return Fault.INVALID_DATA
    is_refused_before = isinstance(error, sa.StatementError) and not isinstance(
        error, sa.DBAPIError
    )
    if is_refused_before or isinstance(error, sa.ProgrammingError):
        return Fault.PROGRAMMING
    if attempt.by_server:
        return Fault.REFUSED
    # asyncpg lets the operating system's errors through when it cannot connect.
    by_network = attempt.by_network or isinstance(source, OSError)
    return Fault.UNREACHABLE if by_network else Fault.UNKNOWN


def _package(source: BaseException) -> str:
    return type(source).__module__.partition(".")[0]


def _is_of(source: object, name: str) -> bool:
    # By name: the drivers are not imported here, and one of them may not be installed.
    return any(kind.__name__ == name for kind in type(source).__mro__)
