"""The parameters after the ``?``: their names, their values, and the alternatives to others."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, get_args, get_type_hints

from wellhead.url.split import fault

SSLMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
TLSVersion = Literal["TLSv1.2", "TLSv1.3"]
SessionAttrs = Literal["any", "read-write", "read-only", "primary", "standby", "prefer-standby"]


@dataclass(frozen=True, slots=True)
class Parameters:
    """Every parameter that Wellhead knows, by its name in the URL; None if it is not given.

    ``timeout`` and ``ssl`` of asyncpg's form arrive as ``connect_timeout`` and ``sslmode``.
    """

    sslmode: SSLMode | None = None
    sslrootcert: str | None = None
    sslcert: str | None = None
    sslkey: str | None = None
    sslpassword: str | None = field(default=None, repr=False)
    sslcrl: str | None = None
    sslnegotiation: Literal["postgres", "direct"] | None = None
    ssl_min_protocol_version: TLSVersion | None = None
    ssl_max_protocol_version: TLSVersion | None = None
    channel_binding: Literal["disable", "prefer", "require"] | None = None
    gssencmode: Literal["disable", "prefer", "require"] | None = None
    connect_timeout: float | None = None
    command_timeout: float | None = None
    application_name: str | None = None
    options: str | None = None
    target_session_attrs: SessionAttrs | None = None
    load_balance_hosts: Literal["disable", "random"] | None = None
    keepalives: int | None = None
    keepalives_idle: int | None = None
    keepalives_interval: int | None = None
    keepalives_count: int | None = None
    tcp_user_timeout: int | None = None
    statement_cache_size: int | None = None
    prepared_statement_cache_size: int | None = None
    pgbouncer: bool | None = None

    @property
    def wants_no_writes(self) -> bool:
        """Whether they ask for a server that takes no writes."""
        return self.target_session_attrs in {"read-only", "standby", "prefer-standby"}

    def given(self) -> Iterator[tuple[str, str]]:
        """Yield the name and text of each parameter that is set, ready to be rendered."""
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None:
                yield each.name, _text(value)


# The type of each field when it is given, which decides how it is parsed.
_KINDS: Final = {name: get_args(kind)[0] for name, kind in get_type_hints(Parameters).items()}
# Parsed before Parameters is built: the server and the identity.
IDENTITY: Final = ("host", "port", "user", "password", "dbname")
_KNOWN: Final = (*(each.name for each in fields(Parameters)), *IDENTITY, "ssl", "timeout")
# Other names for the same parameter.
_SAME: Final = {"ssl": "sslmode", "timeout": "connect_timeout", "database": "dbname"}
_INSTEAD: Final = {
    "client_encoding": "leave it out, Wellhead always speaks UTF-8",
    "connection_limit": "set DATABASE_POOL_SIZE",
    "direct_tls": "write sslnegotiation=direct",
    "hostaddr": "write the address in place of the host",
    "jit": "write options=-cjit%3Doff",
    "max_overflow": "set DATABASE_MAX_OVERFLOW",
    "max_size": "set DATABASE_POOL_SIZE and DATABASE_MAX_OVERFLOW",
    "min_size": "leave it out, the pool opens connections on demand",
    "passfile": "put the password in the URL",
    "pool_mode": "set DATABASE_POOL_MODE, or write pgbouncer=true behind a transaction pooler",
    "pool_size": "set DATABASE_POOL_SIZE",
    "pool_timeout": "set DATABASE_POOL_TIMEOUT",
    "prepare_threshold": "leave it out, it follows from pgbouncer=true or the host",
    "requiressl": "write sslmode=require",
    "schema": "write options=-csearch_path%3Dname",
    "search_path": "write options=-csearch_path%3Dname",
    "server_settings": "write options=-cname%3Dvalue",
    "service": "write its host, user and database into the URL",
    "servicefile": "write the service's host, user and database into the URL",
    "sslaccept": "write sslmode=verify-full for strict, sslmode=require otherwise",
    "sslcompression": "leave it out, TLS compression is unsafe and no longer exists",
    "sslidentity": "use sslcert and sslkey, both PEM files",
    "statement_timeout": "write options=-cstatement_timeout%3D5000",
}


def read_identity(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Check the names of all parameters and return those for the server and the identity.

    Only ``host`` may be repeated, which is how SQLAlchemy writes several hosts.

    Raises:
        URLError: An unknown or repeated name, or one without a value.
    """
    names = [_SAME.get(name, name) for name, _ in pairs]
    may_hide_password = any(name in {"password", "sslpassword"} for name in names)
    identity: dict[str, list[str]] = {}
    for name, (written, value) in zip(names, pairs, strict=True):
        if name not in _KNOWN:
            raise _unknown(written, nameless=may_hide_password)
        if not value:
            raise fault(f"has {written}= without a value", "give it one, or leave it out")
        if name != "host" and names.count(name) > 1:
            raise fault(f"has the parameter {name} twice", "keep one of them")
        if name in IDENTITY:
            identity.setdefault(name, []).append(value)
    return identity


def read_parameters(pairs: Sequence[tuple[str, str]]) -> Parameters:
    """Parse the values of all parameters whose names :func:`read_identity` has checked.

    Raises:
        URLError: A value that the parameter does not accept.
    """
    raw = {_SAME.get(name, name): value for name, value in pairs}
    if raw.get("sslmode") == "true":
        # As libpq does for the JDBC form ssl=true.
        raw["sslmode"] = "require"
    values: dict[str, Any] = {name: _value(name, raw[name]) for name in _KINDS if name in raw}
    return Parameters(**values)


def _value(name: str, text: str) -> str | float | bool:
    kind = _KINDS[name]
    if kind is str:
        return text
    if kind is int:
        return int(_number(name, text, r"[0-9]{1,9}", "a whole number"))
    if kind is float:
        return _connect_timeout(name, text) if name == "connect_timeout" else _seconds(name, text)
    if kind is bool:
        return _one_of(name, text, ("true", "false")) == "true"
    return _one_of(name, text, get_args(kind))


def _unknown(name: str, *, nameless: bool) -> Exception:
    if name in _INSTEAD:
        return fault(f"has {name}=, which Wellhead does not support in the URL", _INSTEAD[name])
    near = difflib.get_close_matches(name.lower(), _KNOWN, n=1)
    fix = f"perhaps you mean {near[0]}" if near else "remove it"
    # After an unescaped '&' in a password given as a parameter, a name can be a piece of it.
    if nameless or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,40}", name):
        return fault("has a parameter that Wellhead does not know", "check the parameters' names")
    return fault(f"has the unknown parameter {name}", fix)


def _one_of(name: str, text: str, values: Sequence[str]) -> str:
    if text in values:
        return text
    near = difflib.get_close_matches(text.lower(), values, n=1)
    fix = f"perhaps you mean {near[0]}" if near else f"write one of {', '.join(values)}"
    raise fault(f"has an invalid value for {name}", fix)


def _number(name: str, text: str, pattern: str, what: str) -> float:
    if not re.fullmatch(pattern, text):
        raise fault(f"has a value for {name} that is not {what}", f"write {name}=10 or the like")
    return float(text)


def _seconds(name: str, text: str) -> float:
    number = _number(name, text, r"[0-9]{1,9}(\.[0-9]{1,9})?", "a number of seconds")
    if number == 0:
        raise fault(f"has {name}=0", "write more than 0 seconds, or leave it out")
    return number


def _connect_timeout(name: str, text: str) -> float:
    number = _number(name, text, r"-?[0-9]{1,9}(\.[0-9]{1,9})?", "a number of seconds")
    # libpq waits forever for zero and less, and raises one second to two.
    return 0.0 if number <= 0 else max(number, 2.0)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
