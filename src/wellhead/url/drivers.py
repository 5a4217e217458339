"""The arguments that each driver gets in addition to the SQLAlchemy URL.

Both drivers read ``PG*`` variables for every argument they are not given. Wellhead's settings are
the only reader of the environment, so everything that decides about the server, the identity, the
TLS policy or the session is always passed explicitly.
"""

import getpass
import math
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from wellhead.url.certificates import build_context, system_bundle
from wellhead.url.hosts import Host
from wellhead.url.options import read_options, write_options
from wellhead.url.parameters import Parameters
from wellhead.url.split import Driver, fault
from wellhead.url.tls import OPPORTUNISTIC, SYSTEM

_TCP: Final = (
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)
CACHES: Final = ("statement_cache_size", "prepared_statement_cache_size")
"""asyncpg's own cache, and the one that SQLAlchemy's dialect adds to it."""
_UNKNOWN: Final[Mapping[Driver, Sequence[str]]] = {
    "asyncpg": ("gssencmode", *_TCP),
    "psycopg": ("command_timeout", *CACHES),
}


def asyncpg_arguments(
    parameters: Parameters,
    *,
    hosts: Sequence[Host],
    settings: Mapping[str, str],
    through_neon: bool,
    prepared_statements: bool,
) -> dict[str, Any]:
    """Return keyword arguments for SQLAlchemy's asyncpg dialect.

    Args:
        parameters: The URL's parameters, after the TLS policy was applied.
        hosts: All hosts; if there are several, or a socket, asyncpg gets lists.
        settings: Server settings for the start of the session.
        through_neon: Neon's proxy drops all startup parameters except ``application_name`` and
            ``options``, so settings are sent inside the latter.
        prepared_statements: Whether named prepared statements may be relied on.

    Raises:
        URLError: A certificate file cannot be used.
    """
    startup = dict(settings)
    switches = read_options(parameters.options).other
    inside: dict[str, str] = {}
    if through_neon:
        inside = {name: startup.pop(name) for name in settings if name != "application_name"}
    if options := write_options(inside, switches):
        startup["options"] = options
    arguments: dict[str, Any] = {
        "ssl": _asyncpg_ssl(parameters, hosts),
        "direct_tls": parameters.sslnegotiation == "direct",
        "target_session_attrs": parameters.target_session_attrs or "any",
        "server_settings": startup,
    }
    if len(hosts) > 1 or hosts[0].is_socket:
        arguments["host"] = [host.name for host in hosts]
        arguments["port"] = [host.port for host in hosts]
    if parameters.connect_timeout is not None:
        arguments["timeout"] = parameters.connect_timeout or None
    if parameters.command_timeout is not None:
        arguments["command_timeout"] = parameters.command_timeout
    return arguments | _asyncpg_caches(parameters, prepared_statements=prepared_statements)


def psycopg_arguments(
    parameters: Parameters,
    *,
    hosts: Sequence[Host],
    settings: Mapping[str, str],
    prepared_statements: bool,
) -> dict[str, Any]:
    """Return keyword arguments for SQLAlchemy's psycopg dialect.

    Args:
        parameters: The URL's parameters, after the TLS policy was applied.
        hosts: All hosts.
        settings: Server settings for the start of the session.
        prepared_statements: Whether named prepared statements may be relied on.

    Raises:
        URLError: A certificate file cannot be used.
    """
    if parameters.sslmode != "disable" and not all(host.is_socket for host in hosts):
        # libpq reads the same files itself, but reports a bad one only when it connects.
        build_context(parameters)
    inside = dict(settings)
    arguments: dict[str, Any] = {
        # An empty value means libpq's default, and overrides the environment.
        "hostaddr": "",
        "sslcert": parameters.sslcert or "",
        "sslkey": parameters.sslkey or "",
        "sslcrl": parameters.sslcrl or "",
        "sslmode": parameters.sslmode or "prefer",
        "sslrootcert": parameters.sslrootcert or "",
        "ssl_min_protocol_version": parameters.ssl_min_protocol_version or "TLSv1.2",
        "ssl_max_protocol_version": parameters.ssl_max_protocol_version or "",
        "channel_binding": parameters.channel_binding or "prefer",
        # If available, GSS encryption would take the place of TLS.
        "gssencmode": parameters.gssencmode or "disable",
        "target_session_attrs": parameters.target_session_attrs or "any",
        "application_name": inside.pop("application_name", ""),
        "client_encoding": inside.pop("client_encoding", "UTF8"),
        "options": write_options(inside, read_options(parameters.options).other),
    }
    if parameters.sslrootcert == SYSTEM:
        arguments["sslrootcert"] = system_bundle()
    if len(hosts) > 1 or hosts[0].is_socket:
        arguments["host"] = ",".join(host.name for host in hosts)
        arguments["port"] = ",".join(str(host.port) for host in hosts)
    if parameters.connect_timeout is not None:
        arguments["connect_timeout"] = math.ceil(parameters.connect_timeout)
    for name in ("sslpassword", "sslnegotiation", "load_balance_hosts", *_TCP):
        # Passed only if given: an older libpq does not know all of them.
        if (value := getattr(parameters, name)) is not None:
            arguments[name] = value
    if not prepared_statements:
        arguments["prepare_threshold"] = None
    return arguments


def identity(user: str | None, password: str | None) -> dict[str, str]:
    """What the SQLAlchemy URL leaves open, so that the driver does not look it up.

    Raises:
        URLError: No user is given and the operating system has none.
    """
    found: dict[str, str] = {}
    if user is None:
        try:
            found["user"] = getpass.getuser()
        except (KeyError, OSError, ImportError):
            raise fault("has no user", "write postgresql://user:password@host/database") from None
    if password is None:
        found["password"] = ""
    return found


def dropped(parameters: Parameters, driver: Driver) -> Iterator[str]:
    """For each parameter that the driver cannot honour, a sentence that says so."""
    if driver == "asyncpg" and parameters.channel_binding == "require":
        protection = (
            "full verification of the certificate protects the connection instead"
            if parameters.sslmode == "verify-full"
            else "write sslmode=verify-full, which protects the connection instead"
        )
        yield f"channel_binding=require is dropped, asyncpg cannot bind channels; {protection}."
    names = [name for name in _UNKNOWN[driver] if getattr(parameters, name) is not None]
    if names:
        yield f"{', '.join(names)}: dropped, {driver} has no such parameter."


def _asyncpg_ssl(parameters: Parameters, hosts: Sequence[Host]) -> ssl.SSLContext | str | bool:
    if parameters.sslmode == "disable" or all(host.is_socket for host in hosts):
        return False
    if parameters.sslmode in OPPORTUNISTIC:
        # Only asyncpg itself can fall back from one kind of connection to the other.
        return str(parameters.sslmode)
    return build_context(parameters)


def _asyncpg_caches(parameters: Parameters, *, prepared_statements: bool) -> dict[str, int]:
    given = {name: getattr(parameters, name) for name in CACHES}
    if not prepared_statements or 0 in given.values():
        # Both or neither: with one of them alone, statements clash behind a pooler or read
        # wrong data after a column has changed its type.
        return dict.fromkeys(CACHES, 0)
    return {name: size for name, size in given.items() if size is not None}
