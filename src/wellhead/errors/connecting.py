"""Translate whatever a driver raises while it connects into one of Wellhead's connect errors."""

import re
import socket
import ssl
from collections.abc import Mapping

from wellhead.errors.attempts import Attempt, attempts_in
from wellhead.errors.faults import Fault
from wellhead.errors.recognition import fault_of, telling_attempt
from wellhead.errors.texts import refusal_in
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
    UnreachableError: "Check the host, the port and the network, and that the server is running.",
    ConnectError: "Look for these words in the documentation of the server, the pooler or the "
    "provider: Wellhead does not know them.",
}

_BAD_PARAMETER = "Check the parameters that the database URL passes to the server."
_CAME_NO_FURTHER = (
    "Something accepted the connection and got no further; the same attempt may succeed later."
)
_GIVE_IPV4 = (
    "Give this machine IPv6, or use a host with an IPv4 address; the provider's pooler often has "
    "one."
)


def connect_error(
    error: BaseException,
    *,
    target: str,
    timeout: float,
    insists_on_tls: bool = True,
    has_ipv4: bool = True,
) -> ConnectError:
    """Translate a driver's failure to connect.

    Args:
        error: What asyncpg, psycopg, the TLS layer or the operating system raised.
        target: The address of the attempt, as ``host:port``; shown in the message.
        timeout: Seconds that the attempt was given; shown if it timed out.
        insists_on_tls: Whether a connection without TLS is refused. If it is not, an odd response
            to the offer of TLS comes from a server that crashed on it.
        has_ipv4: Whether the target also has an IPv4 address.
    """
    fault = fault_of(error)
    kind = _CLASSES.get(fault, ConnectError)
    if kind is TLSError and not insists_on_tls and isinstance(error, ConnectionError):
        kind = UnreachableError
    told = telling_attempt(error)
    reason, hint = _reason(error, told, timeout), _hint(kind, fault, told)
    if kind is UnreachableError and not has_ipv4 and lacks_route(error):
        reason = f"it has IPv6 addresses only, and there is no route to them ({reason})"
        hint = _GIVE_IPV4
    code = f" (SQLSTATE {told.sqlstate})" if told.sqlstate else ""
    message = f"Could not connect to {target}: {reason}{code}."
    return kind(message, hint=hint, sqlstate=told.sqlstate)


def lacks_route(error: BaseException) -> bool:
    """Whether every attempt failed because there is no route to the address."""
    return all(attempt.lacks_route for attempt in attempts_in(error))


def _hint(kind: type[ConnectError], fault: Fault, told: Attempt) -> str:
    refusal = refusal_in(told.words)
    if refusal and refusal.hint and refusal.fault is fault:
        return refusal.hint
    if kind is ConnectError and fault in (Fault.PROGRAMMING, Fault.INVALID_DATA):
        return _BAD_PARAMETER
    return _CAME_NO_FURTHER if kind is UnreachableError and told.by_server else _HINTS[kind]


def _reason(error: BaseException, told: Attempt, timeout: float) -> str:
    if isinstance(error, TimeoutError) and not error.args:
        return f"no response within {timeout:g} s"
    if isinstance(error, socket.gaierror):
        return _not_found(error.strerror)
    if isinstance(error, ssl.SSLError):
        # OpenSSL puts its error name in front, and Python a source line at the end.
        return re.sub(r"^\[.*?\] | \(_ssl\.c:\d+\)$", "", str(error.strerror)).rstrip(".")
    if match := re.match(r"failed to resolve host .*: (?:\[Errno -?\d+\] )?(.*)", told.words):
        return _not_found(match[1])
    return told.words or type(error).__name__


def _not_found(why: object) -> str:
    return f"the host name was not found ({why})"
