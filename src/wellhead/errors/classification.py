"""What a failure means: one table for HTTP answers, retries and metrics.

A failure is recognised by its SQLSTATE, by the class of the driver's exception, by SQLAlchemy's
``connection_invalidated``, and by its text only where nothing else is there: psycopg gives no
SQLSTATE for a refused connection, and Neon's proxy gives XX000 for everything.

SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import exc as sa

from wellhead.errors.tree import (
    AuthenticationError,
    CommandTimeoutError,
    ConfigurationError,
    ConnectError,
    DatabaseNotFoundError,
    NotOpenError,
    ReadOnlyError,
    StartingError,
    TLSError,
    TooManyConnectionsError,
    UnreachableError,
)


class Fault(StrEnum):
    """What went wrong, as one word for logs, metrics and problem types."""

    UNIQUE = "unique"
    FOREIGN_KEY = "foreign_key"
    EXCLUSION = "exclusion"
    CHECK = "check"
    NOT_NULL = "not_null"
    INVALID_DATA = "invalid_data"
    SERIALIZATION = "serialization"
    DEADLOCK = "deadlock"
    LOCK_TIMEOUT = "lock_timeout"
    STATEMENT_TIMEOUT = "statement_timeout"
    STALE_PLAN = "stale_plan"
    READ_ONLY_SERVER = "read_only_server"
    DISK_FULL = "disk_full"
    SATURATED = "saturated"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    CONNECTION_LOST = "connection_lost"
    UNREACHABLE = "unreachable"
    STARTING = "starting"
    AUTHENTICATION = "authentication"
    DATABASE_NOT_FOUND = "database_not_found"
    TLS = "tls"
    REFUSED = "refused"
    NOT_OPEN = "not_open"
    PROGRAMMING = "programming"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Classification:
    """What one failure means.

    Attributes:
        fault: What went wrong.
        sqlstate: The server's code, where it sent one.
        http_status: The status that a web application answers.
        title: A sentence for the client; never holds SQL, names or addresses.
        is_transient: Whether the same work can succeed later without anybody's help.
        retry_after: Seconds after which trying again makes sense, or None.
        connection_lost: Whether the connection cannot be used any more.
    """

    fault: Fault
    sqlstate: str | None
    http_status: int
    title: str
    is_transient: bool
    retry_after: int | None
    connection_lost: bool

    @property
    def is_expected(self) -> bool:
        """Whether a sound program can meet it; otherwise somebody made a mistake."""
        return self.fault not in (Fault.PROGRAMMING, Fault.UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Meaning:
    http_status: int
    title: str
    retry_after: int | None = None


_UNAVAILABLE = "The database is not available at the moment."
_OUR_MISTAKE = "The server made a mistake with its database."

_MEANINGS: Mapping[Fault, _Meaning] = {
    Fault.UNIQUE: _Meaning(409, "Something with the same value exists already."),
    Fault.FOREIGN_KEY: _Meaning(409, "Something that this refers to, or that needs it, conflicts."),
    Fault.EXCLUSION: _Meaning(409, "It conflicts with something that exists already."),
    Fault.CHECK: _Meaning(422, "A value breaks a rule of the data."),
    Fault.NOT_NULL: _Meaning(422, "A value that is needed is missing."),
    Fault.INVALID_DATA: _Meaning(422, "A value cannot be stored."),
    Fault.SERIALIZATION: _Meaning(503, "Another request changed the same data; try again.", 1),
    Fault.DEADLOCK: _Meaning(503, "Another request changed the same data; try again.", 1),
    Fault.LOCK_TIMEOUT: _Meaning(503, "The data is in use by another request; try again.", 1),
    Fault.STATEMENT_TIMEOUT: _Meaning(504, "The database took too long to answer."),
    Fault.STALE_PLAN: _Meaning(503, "The data's layout changed just now; try again.", 1),
    Fault.READ_ONLY_SERVER: _Meaning(503, "The database accepts no changes at the moment.", 5),
    Fault.DISK_FULL: _Meaning(503, "The database has no space left.", 30),
    Fault.SATURATED: _Meaning(503, "Too many requests are waiting for the database.", 1),
    Fault.TOO_MANY_CONNECTIONS: _Meaning(503, "The database has no free connection.", 2),
    Fault.CONNECTION_LOST: _Meaning(503, "The connection to the database was lost.", 1),
    Fault.UNREACHABLE: _Meaning(503, _UNAVAILABLE, 2),
    Fault.STARTING: _Meaning(503, "The database is starting.", 1),
    Fault.AUTHENTICATION: _Meaning(503, _UNAVAILABLE, 30),
    Fault.DATABASE_NOT_FOUND: _Meaning(503, _UNAVAILABLE, 30),
    Fault.TLS: _Meaning(503, _UNAVAILABLE, 30),
    Fault.REFUSED: _Meaning(503, _UNAVAILABLE, 30),
    Fault.NOT_OPEN: _Meaning(503, "The server is starting or shutting down.", 1),
    Fault.PROGRAMMING: _Meaning(500, _OUR_MISTAKE),
    Fault.UNKNOWN: _Meaning(500, _OUR_MISTAKE),
}

_TRANSIENT = frozenset(
    {
        Fault.SERIALIZATION,
        Fault.DEADLOCK,
        Fault.LOCK_TIMEOUT,
        Fault.STALE_PLAN,
        Fault.READ_ONLY_SERVER,
        Fault.SATURATED,
        Fault.TOO_MANY_CONNECTIONS,
        Fault.CONNECTION_LOST,
        Fault.UNREACHABLE,
        Fault.STARTING,
    }
)

_SQLSTATES: Mapping[str, Fault] = {
    "23505": Fault.UNIQUE,
    "23503": Fault.FOREIGN_KEY,
    "23001": Fault.FOREIGN_KEY,
    "23514": Fault.CHECK,
    "23502": Fault.NOT_NULL,
    "23P01": Fault.EXCLUSION,
    "22021": Fault.INVALID_DATA,
    "40001": Fault.SERIALIZATION,
    "40P01": Fault.DEADLOCK,
    "55P03": Fault.LOCK_TIMEOUT,
    "57014": Fault.STATEMENT_TIMEOUT,
    "25P04": Fault.STATEMENT_TIMEOUT,
    "0A000": Fault.STALE_PLAN,
    "26000": Fault.STALE_PLAN,
    "25006": Fault.READ_ONLY_SERVER,
    "53100": Fault.DISK_FULL,
    "53300": Fault.TOO_MANY_CONNECTIONS,
    "57P01": Fault.CONNECTION_LOST,
    "57P02": Fault.CONNECTION_LOST,
    "57P05": Fault.CONNECTION_LOST,
    "25P03": Fault.CONNECTION_LOST,
    "57P03": Fault.STARTING,
    "3D000": Fault.DATABASE_NOT_FOUND,
}

_SQLSTATE_CLASSES: Mapping[str, Fault] = {
    "08": Fault.CONNECTION_LOST,
    "22": Fault.INVALID_DATA,
    "28": Fault.AUTHENTICATION,
    "40": Fault.SERIALIZATION,
    "53": Fault.TOO_MANY_CONNECTIONS,
    "42": Fault.PROGRAMMING,
}

# Lower case; the first that occurs decides. Sources: libpq's and the server's messages in the
# C locale, PgBouncer's client messages, the errors of Neon's proxy, and SQLite's constraints.
_TEXTS: tuple[tuple[str, Fault], ...] = (
    ("no more connections allowed", Fault.TOO_MANY_CONNECTIONS),
    ("query_wait_timeout", Fault.TOO_MANY_CONNECTIONS),
    ("too many connections", Fault.TOO_MANY_CONNECTIONS),
    ("too many clients", Fault.TOO_MANY_CONNECTIONS),
    ("connection slots are reserved", Fault.TOO_MANY_CONNECTIONS),
    ("active endpoints limit exceeded", Fault.TOO_MANY_CONNECTIONS),
    ("password authentication failed", Fault.AUTHENTICATION),
    ("no password supplied", Fault.AUTHENTICATION),
    ("no pg_hba.conf entry", Fault.AUTHENTICATION),
    ('role "', Fault.AUTHENTICATION),
    ("the database system is", Fault.STARTING),
    ("couldn't connect to compute node", Fault.STARTING),
    ("control plane request failed", Fault.STARTING),
    ("terminating connection", Fault.STARTING),
    ("endpoint id is not specified", Fault.REFUSED),
    ("endpoint could not be found", Fault.DATABASE_NOT_FOUND),
    ("certificate", Fault.TLS),
    ("rejected ssl upgrade", Fault.TLS),
    ("does not support ssl", Fault.TLS),
    ("ssl error", Fault.TLS),
    ("could not translate host name", Fault.UNREACHABLE),
    ("failed to resolve host", Fault.UNREACHABLE),
    ("connection refused", Fault.UNREACHABLE),
    ("timeout expired", Fault.UNREACHABLE),
    ("server closed the connection", Fault.UNREACHABLE),
    ("unique constraint failed", Fault.UNIQUE),
    ("foreign key constraint failed", Fault.FOREIGN_KEY),
    ("check constraint failed", Fault.CHECK),
    ("not null constraint failed", Fault.NOT_NULL),
)

_OWN: tuple[tuple[type[BaseException], Fault], ...] = (
    (AuthenticationError, Fault.AUTHENTICATION),
    (DatabaseNotFoundError, Fault.DATABASE_NOT_FOUND),
    (TLSError, Fault.TLS),
    (UnreachableError, Fault.UNREACHABLE),
    (StartingError, Fault.STARTING),
    (TooManyConnectionsError, Fault.TOO_MANY_CONNECTIONS),
    (ConnectError, Fault.REFUSED),
    (CommandTimeoutError, Fault.STATEMENT_TIMEOUT),
    (NotOpenError, Fault.NOT_OPEN),
    (ReadOnlyError, Fault.PROGRAMMING),
    (ConfigurationError, Fault.PROGRAMMING),
    (sa.TimeoutError, Fault.SATURATED),
    (ssl.SSLCertVerificationError, Fault.TLS),
)

# Where neither code nor text says more. The driver raises plain OSErrors when it cannot connect.
_CLASSES: tuple[tuple[type[BaseException], Fault], ...] = (
    (sa.NotSupportedError, Fault.STALE_PLAN),
    (OSError, Fault.UNREACHABLE),
)


def classify(error: BaseException) -> Classification:
    """Say what a failure of database work means.

    Takes what SQLAlchemy, a driver or Wellhead raised while a statement ran or a connection was
    taken; anything else is ``Fault.UNKNOWN``. A plain ``OSError`` is taken for a failure to
    connect, so pass only what came from the database.
    """
    fault = fault_of(error)
    meaning = _MEANINGS[fault]
    return Classification(
        fault=fault,
        sqlstate=sqlstate_of(error),
        http_status=meaning.http_status,
        title=meaning.title,
        is_transient=fault in _TRANSIENT,
        retry_after=meaning.retry_after,
        connection_lost=fault is Fault.CONNECTION_LOST
        or getattr(error, "connection_invalidated", False),
    )


def fault_of(error: BaseException) -> Fault:
    """Name the fault behind an exception; see :func:`classify`."""
    own = next((fault for kind, fault in _OWN if isinstance(error, kind)), None)
    if own is not None:
        return own
    sqlstate = sqlstate_of(error)
    by_text = _by_text(error) if sqlstate in _NEED_TEXT else None
    if by_text is not None:
        return by_text
    if getattr(error, "connection_invalidated", False):
        return Fault.CONNECTION_LOST
    return _by_sqlstate(sqlstate) if sqlstate is not None else _by_class(error)


# PgBouncer refuses with 08P01 and ends a wait with 08003; Neon's proxy says XX000 for all.
_NEED_TEXT = frozenset({None, "08P01", "08003", "XX000"})


def _by_sqlstate(sqlstate: str) -> Fault:
    return _SQLSTATES.get(sqlstate) or _SQLSTATE_CLASSES.get(sqlstate[:2], Fault.UNKNOWN)


def _by_class(error: BaseException) -> Fault:
    return next((fault for kind, fault in _CLASSES if isinstance(error, kind)), Fault.UNKNOWN)


def _by_text(error: BaseException) -> Fault | None:
    source = error.orig if isinstance(error, sa.DBAPIError) else error
    text = str(source).lower()
    return next((fault for part, fault in _TEXTS if part in text), None)


def sqlstate_of(error: BaseException) -> str | None:
    """The five-character code of the server, from any driver's exception, or None."""
    source = error.orig if isinstance(error, sa.DBAPIError) else error
    sqlstate = getattr(source, "sqlstate", None)
    return sqlstate if isinstance(sqlstate, str) else None
