"""Which fault an exception stands for.

A failure is recognised by its class where that is Wellhead's or SQLAlchemy's own, by
``connection_invalidated``, by its SQLSTATE, and by its text only where the code is missing or
says nothing: psycopg gives no SQLSTATE for a refused connection, PgBouncer refuses with 08P01 and
Neon's proxy with XX000. Texts that can repeat a value of the application are never searched.

SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import ssl
from collections.abc import Mapping

from sqlalchemy import exc as sa
from sqlalchemy.orm import exc as orm

from wellhead.errors.faults import Fault
from wellhead.errors.tree import (
    AuthenticationError,
    CommandTimeoutError,
    CommittedError,
    CommitUnknownError,
    ConfigurationError,
    ConnectError,
    DatabaseNotFoundError,
    NotOpenError,
    PoolMisuseError,
    PoolTimeout,
    ReadOnlyError,
    RequestTimeoutError,
    RolledBackError,
    SessionInUseError,
    StartingError,
    TLSError,
    TooManyConnectionsError,
    UnreachableError,
)

_BY_CLASS: tuple[tuple[type[BaseException], Fault], ...] = (
    (AuthenticationError, Fault.AUTHENTICATION),
    (DatabaseNotFoundError, Fault.DATABASE_NOT_FOUND),
    (TLSError, Fault.TLS),
    (UnreachableError, Fault.UNREACHABLE),
    (StartingError, Fault.STARTING),
    (TooManyConnectionsError, Fault.TOO_MANY_CONNECTIONS),
    (ConnectError, Fault.REFUSED),
    (CommandTimeoutError, Fault.STATEMENT_TIMEOUT),
    (CommittedError, Fault.COMMITTED),
    (RequestTimeoutError, Fault.REQUEST_TIMEOUT),
    (CommitUnknownError, Fault.OUTCOME_UNKNOWN),
    (RolledBackError, Fault.PROGRAMMING),
    (NotOpenError, Fault.NOT_OPEN),
    (ReadOnlyError, Fault.PROGRAMMING),
    (ConfigurationError, Fault.PROGRAMMING),
    (PoolMisuseError, Fault.PROGRAMMING),
    (SessionInUseError, Fault.PROGRAMMING),
    (sa.TimeoutError, Fault.SATURATED),
    (orm.StaleDataError, Fault.SERIALIZATION),
    # The other side hung up in the middle of the handshake: nothing is wrong with certificates.
    (ssl.SSLEOFError, Fault.UNREACHABLE),
    (ssl.SSLZeroReturnError, Fault.UNREACHABLE),
    (ssl.SSLError, Fault.TLS),
)

_BY_SQLSTATE: Mapping[str, Fault] = {
    "08004": Fault.REFUSED,
    "08007": Fault.OUTCOME_UNKNOWN,
    "08P01": Fault.REFUSED,
    "23505": Fault.UNIQUE,
    "23503": Fault.FOREIGN_KEY,
    "23001": Fault.FOREIGN_KEY,
    "23514": Fault.CHECK,
    "44000": Fault.CHECK,
    "23502": Fault.NOT_NULL,
    "23P01": Fault.EXCLUSION,
    "25006": Fault.READ_ONLY_SERVER,
    "25P03": Fault.CONNECTION_LOST,
    "25P04": Fault.STATEMENT_TIMEOUT,
    "26000": Fault.STALE_PLAN,
    "3D000": Fault.DATABASE_NOT_FOUND,
    "40003": Fault.OUTCOME_UNKNOWN,
    "40P01": Fault.DEADLOCK,
    "53100": Fault.DISK_FULL,
    "53300": Fault.TOO_MANY_CONNECTIONS,
    # A value too long for its index, or nested too deep: the data's fault, not the program's.
    "54000": Fault.INVALID_DATA,
    "54001": Fault.INVALID_DATA,
    "55P03": Fault.LOCK_TIMEOUT,
    "57014": Fault.STATEMENT_TIMEOUT,
    "57P01": Fault.CONNECTION_LOST,
    "57P02": Fault.CONNECTION_LOST,
    "57P03": Fault.STARTING,
    "57P04": Fault.DATABASE_NOT_FOUND,
    "57P05": Fault.CONNECTION_LOST,
}

_BY_SQLSTATE_CLASS: Mapping[str, Fault] = {
    "08": Fault.CONNECTION_LOST,
    "0A": Fault.PROGRAMMING,
    "22": Fault.INVALID_DATA,
    "25": Fault.PROGRAMMING,
    "28": Fault.AUTHENTICATION,
    "3F": Fault.PROGRAMMING,
    "40": Fault.SERIALIZATION,
    "42": Fault.PROGRAMMING,
    "53": Fault.OUT_OF_RESOURCES,
    "54": Fault.PROGRAMMING,
}

# Codes that stand for something else, too; the text begins like this where it is meant.
_BY_SQLSTATE_AND_TEXT: Mapping[tuple[str, str], Fault] = {
    ("0A000", "cached plan must not change"): Fault.STALE_PLAN,
    ("42501", "permission denied for database"): Fault.AUTHENTICATION,
}

# The codes that say nothing by themselves.
_NEED_TEXT = frozenset({None, "08003", "08P01", "XX000"})

# Lower case; the first that occurs decides, so those that quote a name stand above the words that
# could occur in one. Sources: messages of libpq, of the server in the C locale, of psycopg and
# asyncpg, PgBouncer's to its clients (src/client.c, src/janitor.c), and those of Neon's proxy:
# https://neon.com/docs/connect/connection-errors
_BY_TEXT: tuple[tuple[str, Fault], ...] = (
    ("password authentication failed", Fault.AUTHENTICATION),
    ("sasl authentication failed", Fault.AUTHENTICATION),
    ("no password supplied", Fault.AUTHENTICATION),
    ("no pg_hba.conf entry", Fault.AUTHENTICATION),
    ("permission denied for database", Fault.AUTHENTICATION),
    ("no such user", Fault.AUTHENTICATION),
    ("too many connections", Fault.TOO_MANY_CONNECTIONS),
    ('role "', Fault.AUTHENTICATION),
    ('database "', Fault.DATABASE_NOT_FOUND),
    ("no such database", Fault.DATABASE_NOT_FOUND),
    ("endpoint could not be found", Fault.DATABASE_NOT_FOUND),
    ("unsupported startup parameter", Fault.REFUSED),
    ("no more connections allowed", Fault.TOO_MANY_CONNECTIONS),
    ("query_wait_timeout", Fault.TOO_MANY_CONNECTIONS),
    ("too many clients", Fault.TOO_MANY_CONNECTIONS),
    ("connection slots are reserved", Fault.TOO_MANY_CONNECTIONS),
    ("active endpoints limit exceeded", Fault.TOO_MANY_CONNECTIONS),
    ("failed to acquire permit", Fault.TOO_MANY_CONNECTIONS),
    ("exceeded the rate limit", Fault.TOO_MANY_CONNECTIONS),
    ("the database system is", Fault.STARTING),
    ("couldn't connect to compute node", Fault.STARTING),
    ("control plane request failed", Fault.STARTING),
    ("terminating connection", Fault.STARTING),
    ("cached statement plan is invalid", Fault.STALE_PLAN),
    ("certificate", Fault.TLS),
    ("rejected ssl upgrade", Fault.TLS),
    ("does not support ssl", Fault.TLS),
    ("ssl error", Fault.TLS),
    ("connection is insecure", Fault.TLS),
    ("could not translate host name", Fault.UNREACHABLE),
    ("failed to resolve host", Fault.UNREACHABLE),
    ("timeout expired", Fault.UNREACHABLE),
    ("client_login_timeout", Fault.UNREACHABLE),
    ("server_login_retry", Fault.UNREACHABLE),
    ("cannot connect to server", Fault.UNREACHABLE),
    ("server closed the connection", Fault.UNREACHABLE),
    # Some other refusal of the server; without one, libpq ends with the operating system's words.
    ("failed: fatal: ", Fault.REFUSED),
    ("failed: error: ", Fault.REFUSED),
    ("connection to server ", Fault.UNREACHABLE),
)

# SQLite gives no codes, and names tables and columns.
_BY_SQLITE_TEXT: tuple[tuple[str, Fault], ...] = (
    ("unique constraint failed", Fault.UNIQUE),
    ("foreign key constraint failed", Fault.FOREIGN_KEY),
    ("check constraint failed", Fault.CHECK),
    ("not null constraint failed", Fault.NOT_NULL),
    ("database is locked", Fault.LOCK_TIMEOUT),
)


def fault_of(error: BaseException) -> Fault:
    """Name the fault behind an exception; see :func:`wellhead.classify`."""
    if isinstance(error, PoolTimeout) and error.__cause__ is not None:
        # Whoever waits for a connection while the database is away does not wait for other callers.
        return fault_of(error.__cause__)
    by_class = next((fault for kind, fault in _BY_CLASS if isinstance(error, kind)), None)
    if by_class is not None:
        return by_class
    source, sqlstate = _source(error), sqlstate_of(error)
    if getattr(error, "connection_invalidated", False):
        pooler_is_full = "query_wait_timeout" in str(source)
        return Fault.TOO_MANY_CONNECTIONS if pooler_is_full else Fault.CONNECTION_LOST
    by_text = _by_text(source) if sqlstate in _NEED_TEXT else None
    return by_text or _by_sqlstate(sqlstate, str(source)) or _by_kind(error, source)


def sqlstate_of(error: BaseException) -> str | None:
    """The five-character code of the server, from any driver's exception, or None."""
    sqlstate = getattr(_source(error), "sqlstate", None)
    return sqlstate if isinstance(sqlstate, str) else None


def is_definite_answer(error: BaseException) -> bool:
    """Whether a failure says for certain that what was asked for was not done.

    So does an error of the server itself. One that ends the connection is FATAL, and says nothing
    of what was done before. asyncpg's own refusals come before anything is sent.
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


def _by_text(source: BaseException) -> Fault | None:
    package = type(source).__module__.partition(".")[0]
    text = str(source).lower()
    if package == "sqlite3":
        return next((fault for start, fault in _BY_SQLITE_TEXT if text.startswith(start)), None)
    if not _speaks_of_connections(source, package):
        return None
    return next((fault for part, fault in _BY_TEXT if part in text), None)


def _speaks_of_connections(source: BaseException, package: str) -> bool:
    if package == "psycopg":
        return _is_of(source, "OperationalError")
    if package in {"asyncpg", "sqlalchemy"}:
        # asyncpg's exceptions come in classes of SQLAlchemy's dialect; its own are none of them.
        return not isinstance(source, sa.SQLAlchemyError) and not _is_of(source, "DataError")
    return isinstance(source, OSError)


def _by_sqlstate(sqlstate: str | None, text: str) -> Fault | None:
    if sqlstate is None:
        return None
    for (code, start), fault in _BY_SQLSTATE_AND_TEXT.items():
        if sqlstate == code and text.startswith(start):
            return fault
    return _BY_SQLSTATE.get(sqlstate) or _BY_SQLSTATE_CLASS.get(sqlstate[:2], Fault.UNKNOWN)


def _by_kind(error: BaseException, source: BaseException) -> Fault:
    if isinstance(error, sa.DataError) or _is_of(source, "DataError"):
        return Fault.INVALID_DATA
    # The drivers raise the operating system's errors as they are when they cannot connect.
    return Fault.UNREACHABLE if isinstance(source, OSError) else Fault.UNKNOWN


def _is_of(source: object, name: str) -> bool:
    # By name: the drivers are not imported here, and one of them may not be installed.
    return any(kind.__name__ == name for kind in type(source).__mro__)
