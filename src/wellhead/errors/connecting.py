"""From whatever a driver raises while it connects to one of Wellhead's connect errors."""

import os
import re
import socket
import ssl
from collections.abc import Mapping

from wellhead.errors.faults import Fault
from wellhead.errors.recognition import fault_of, sqlstate_of
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
    Fault.OUT_OF_RESOURCES: TooManyConnectionsError,
    Fault.STARTING: StartingError,
    Fault.CONNECTION_LOST: UnreachableError,
    Fault.UNREACHABLE: UnreachableError,
}

_HINTS: Mapping[type[ConnectError], str] = {
    AuthenticationError: "Check the user and the password in the database URL, and that the user "
    "may connect to this database.",
    DatabaseNotFoundError: "Check the database name in the URL, or create the database.",
    TLSError: "Check sslmode and sslrootcert in the URL, and the host name in the certificate.",
    TooManyConnectionsError: "Lower DATABASE_POOL_SIZE and DATABASE_MAX_OVERFLOW, or the number "
    "of processes, so that all of them fit the server's limit.",
    StartingError: "It can take a few seconds; the same attempt may succeed then.",
    UnreachableError: "Check the host, the port and the network, and that the server runs.",
    ConnectError: "Check the parameters of the database URL.",
}

_WHERE = re.compile(
    r"^(connection failed: |connection to server (at .+?, port \d+|on socket .+?) failed: )+"
)


def connect_error(
    error: BaseException, *, target: str, timeout: float, insists_on_tls: bool = True
) -> ConnectError:
    """Translate a driver's failure to connect.

    Args:
        error: What asyncpg, psycopg, the TLS layer or the operating system raised.
        target: Where the attempt went, as ``host:port``; shown in the message.
        timeout: Seconds the attempt was given; shown when they ran out.
        insists_on_tls: Whether a connection without TLS is refused. Where it is not, an odd answer
            to the offer of TLS is that of a server which died over it.
    """
    kind = _CLASSES.get(fault_of(error), ConnectError)
    if kind is TLSError and not insists_on_tls and isinstance(error, ConnectionError):
        kind = UnreachableError
    sqlstate = sqlstate_of(error)
    code = f" (SQLSTATE {sqlstate})" if sqlstate else ""
    message = f"Could not connect to {target}: {_reason(error, timeout)}{code}."
    return kind(message, hint=_HINTS[kind], sqlstate=sqlstate)


def _reason(error: BaseException, timeout: float) -> str:
    if isinstance(error, TimeoutError) and not error.args:
        return f"no answer within {timeout:g} s"
    if isinstance(error, socket.gaierror):
        return _not_found(error.strerror)
    if isinstance(error, ssl.SSLError):
        # Around the words stand OpenSSL's name of them and a line of Python's source.
        return re.sub(r"^\[.*?\] | \(_ssl\.c:\d+\)$", "", str(error.strerror)).rstrip(".")
    if isinstance(error, OSError) and (number := _errno(error)):
        return os.strerror(number)
    return _in_the_servers_words(error)


def _not_found(why: object) -> str:
    return f"the host name was not found ({why})"


def _errno(error: OSError) -> int | None:
    # asyncio puts its own words beside the number, and one text around several failed addresses.
    listed = re.search(r"\[Errno (\d+)\]", str(error))
    return error.errno or (int(listed[1]) if listed else None)


def _in_the_servers_words(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0].rstrip(".")
    if match := re.match(r"failed to resolve host .*: (?:\[Errno -?\d+\] )?(.*)", text):
        return _not_found(match[1])
    # psycopg and libpq each say first where they tried to connect, which the message did.
    words = _WHERE.sub("", text)
    return re.sub(r"^(FATAL|ERROR): +", "", words) or type(error).__name__
