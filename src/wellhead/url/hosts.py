"""The hosts of a database URL: names, addresses, socket directories and their ports."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from wellhead.url.split import decode, fault

DEFAULT_PORT: Final = 5432
_HIGHEST_PORT: Final = 65535
_BRACKETED: Final = re.compile(r"\[([^\[\]]*)\](?::(.*))?")


@dataclass(frozen=True, slots=True)
class Host:
    """One address at which the database may be reached.

    Attributes:
        name: A host name, an IPv4 or IPv6 address (without brackets), or the directory of a
            Unix socket.
        port: The TCP port; on a socket, the number in the socket file's name.
    """

    name: str
    port: int = DEFAULT_PORT

    @property
    def is_socket(self) -> bool:
        """Whether the name is the directory of a Unix socket."""
        return self.name.startswith("/")

    def __str__(self) -> str:
        name = quote(self.name, safe="" if self.is_socket else ":")
        shown = f"[{name}]" if ":" in name else name
        return shown if self.port == DEFAULT_PORT else f"{shown}:{self.port}"


def read_hosts(authority: str, *, named: Sequence[str], ports: str | None) -> tuple[Host, ...]:
    """Combine the authority part of the URL with the parameters ``host`` and ``port``.

    Args:
        authority: ``a:5432,b:5433``, ``[::1]:5432``, ``%2Frun%2Fpostgresql``, or empty.
        named: Every value of ``host``; each may list several hosts.
        ports: The value of ``port``: one for all hosts, or one for each.

    Raises:
        URLError: No host, hosts given twice, or an invalid name or port.
    """
    written = [_in_authority(item) for item in authority.split(",")] if authority else []
    if named:
        if any(name for name, _ in written) or len(written) > 1:
            raise fault("has its host twice", "keep it before the database or in host=, not both")
        if written and written[0][1] is not None:
            if ports is not None:
                raise fault("has its port twice", "keep one of them")
            ports = written[0][1]
        written = [_in_parameter(item) for value in named for item in value.split(",")]
    if not written:
        raise fault(
            "has no host",
            "write postgresql://user:password@host/database, or ?host= with the directory of a "
            "Unix socket",
        )
    return tuple(_with_ports(written, ports))


def _in_authority(item: str) -> tuple[str, str | None]:
    if item.startswith("["):
        return _bracketed(item)
    name, separator, port = item.partition(":")
    if ":" in port:
        raise fault("has a host with several ':'", "put an IPv6 address in brackets, as in [::1]")
    return decode(name, "host name"), port if separator else None


def _in_parameter(item: str) -> tuple[str, str | None]:
    if item.startswith("["):
        return _bracketed(item)
    if item.startswith("/") or _is_ipv6(item):
        return item, None
    name, separator, port = item.partition(":")
    return name, port if separator else None


def _bracketed(item: str) -> tuple[str, str | None]:
    match = _BRACKETED.fullmatch(item)
    name = decode(match[1], "host name") if match else ""
    if match is None or not _is_ipv6(name):
        raise fault("has no IPv6 address between its brackets", "write it as in [::1]:5432")
    return name, match[2]


def _is_ipv6(name: str) -> bool:
    try:
        ipaddress.IPv6Address(name)
    except ValueError:
        return False
    return True


def _with_ports(written: Sequence[tuple[str, str | None]], ports: str | None) -> Iterable[Host]:
    own = [port for _, port in written]
    if ports is not None:
        if any(port is not None for port in own):
            raise fault("has its port twice", "keep it with the host or in port=, not both")
        listed: list[str | None] = [*ports.split(",")]
        if len(listed) not in {1, len(written)}:
            raise fault(
                f"has {len(listed)} ports for {len(written)} hosts",
                "give one port for all hosts, or one for each",
            )
        own = listed * len(written) if len(listed) == 1 else listed
    for (name, _), port in zip(written, own, strict=True):
        _refuse_bad_name(name)
        yield Host(name, DEFAULT_PORT if port is None else _port(port))


def _refuse_bad_name(name: str) -> None:
    if not name:
        raise fault("has an empty host name", "write the host between '@' and the port or '/'")
    if name.startswith("/") or _is_ipv6(name):
        return
    if re.search(r"[\s/\\?#@:\[\]<>\"'%,;=&]", name):
        raise fault(
            "has a character in its host that is not allowed in host names",
            "percent-encode user name and password, and check the host",
        )


def _port(text: str) -> int:
    # The text is not repeated: it may be part of a password with an unescaped character.
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= _HIGHEST_PORT:
        raise fault(
            "has a port that is not a number from 1 to 65535",
            "write host:5432, and percent-encode special characters in the password",
        )
    return int(text)
