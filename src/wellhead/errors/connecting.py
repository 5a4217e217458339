"""From whatever a driver raises while it connects to one of Wellhead's connect errors."""

import socket
from collections.abc import Mapping

from wellhead.errors.classification import Fault, fault_of, sqlstate_of
from wellhead.errors.tree import (
    AuthenticationError,
    ConnectError,
    DatabaseNotFoundError,
    StartingError,
    TLSError,
    TooManyConnectionsError,
    UnreachableError,
)

_CLASSES: Mapping[Fault, type[ConnectError]] = {
    Fault.AUTHENTICATION: AuthenticationError,
    Fault.DATABASE_NOT_FOUND: DatabaseNotFoundError,
    Fault.TLS: TLSError,
    Fault.TOO_MANY_CONNECTIONS: TooManyConnectionsError,
    Fault.STARTING: StartingError,
    Fault.CONNECTION_LOST: UnreachableError,
    Fault.UNREACHABLE: UnreachableError,
}

_HINTS: Mapping[type[ConnectError], str] = {
    AuthenticationError: "Check the user and the password in the database URL.",
    DatabaseNotFoundError: "Check the database name in the URL, or create the database.",
    TLSError: "Check sslmode and sslrootcert in the URL, and the host name in the certificate.",
    TooManyConnectionsError: "Lower DATABASE_POOL_SIZE and DATABASE_MAX_OVERFLOW, or the number "
    "of processes, so that all of them fit the server's limit.",
    StartingError: "It can take a few seconds; the same attempt may succeed then.",
    UnreachableError: "Check the host, the port and the network, and that the server runs.",
}


def connect_error(error: BaseException, *, target: str, timeout: float) -> ConnectError:
    """Translate a driver's failure to connect.

    Args:
        error: What asyncpg, psycopg, the TLS layer or the operating system raised.
        target: Where the attempt went, as ``host:port``; shown in the message.
        timeout: Seconds the attempt was given; shown when they ran out.
    """
    kind = _CLASSES.get(fault_of(error), ConnectError)
    sqlstate = sqlstate_of(error)
    code = f" (SQLSTATE {sqlstate})" if sqlstate else ""
    message = f"Could not connect to {target}: {_reason(error, timeout)}{code}."
    return kind(message, hint=_HINTS.get(kind), sqlstate=sqlstate)


def _reason(error: BaseException, timeout: float) -> str:
    if isinstance(error, TimeoutError) and not error.args:
        return f"no answer within {timeout:g} s"
    if isinstance(error, socket.gaierror):
        return f"the host name was not found ({error.strerror})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    first_line = str(error).strip().partition("\n")[0].rstrip(".")
    return first_line or type(error).__name__
