"""`PatroniURL`: the address of a Patroni's REST API, checked, and never shown with its password."""

import re
import ssl
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any, Final, Self

from wellhead.errors import URLError
from wellhead.url.certificates import build_context
from wellhead.url.parameters import Parameters
from wellhead.url.split import decode
from wellhead.url.tls import SYSTEM

_FORM: Final = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:(?P<user>[^:@/?#\s]+):(?P<password>[^:@/?#\s]*)@)?"
    r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})"
    r"(?P<path>(?:/[A-Za-z0-9._~%-]+)*)/?"
    r"(?:\?(?P<query>[^#@\s]+))?",
    re.ASCII,
)
_HIGHEST_PORT: Final = 65535
_FILES: Final = ("sslrootcert", "sslcert", "sslkey")


@dataclass(frozen=True, slots=True, repr=False)
class PatroniURL:
    """Where a Patroni says which members its cluster has.

    Attributes:
        is_encrypted: Whether it is spoken to by TLS, and its certificate is verified.
        host: A host name or an address, without brackets.
        port: Its port.
        path: What precedes the routes, such as ``/patroni`` behind a proxy; empty for nothing.
        user: The user of HTTP's basic authentication; None for none.
        password: That user's password.
        files: The files of ``sslrootcert``, ``sslcert`` and ``sslkey``, as in a database URL.
    """

    is_encrypted: bool
    host: str
    port: int
    path: str
    user: str | None
    password: str | None = field(repr=False)
    files: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse an address such as ``https://user:password@patroni-1.example.com:8008``.

        Raises:
            URLError: It is none; the message repeats nothing of it.
        """
        match = _FORM.fullmatch(text)
        if match is None or not 1 <= int(match["port"]) <= _HIGHEST_PORT:
            raise URLError(
                "The address of Patroni cannot be used: write http:// or https://, the host and "
                "the port of its REST API, such as http://patroni-1.example.com:8008, and "
                "percent-encode special characters of user and password."
            )
        files = [each.partition("=") for each in (match["query"] or "").split("&") if each]
        is_encrypted = match["scheme"] == "https"
        if any(name not in _FILES or not path for name, _, path in files):
            raise URLError(
                f"The address of Patroni has an unknown parameter: it takes {', '.join(_FILES)}."
            )
        if files and not is_encrypted:
            raise URLError("The address of Patroni names certificates: write https://.")
        return cls(
            is_encrypted=is_encrypted,
            host=match["host"].strip("[]"),
            port=int(match["port"]),
            path=match["path"],
            user=None if match["user"] is None else decode(match["user"], "user name"),
            password=None if match["user"] is None else decode(match["password"], "password"),
            files=tuple((name, decode(path, name)) for name, _, path in files),
        )

    @property
    def authorization(self) -> str | None:
        """The value of the header ``Authorization``."""
        if self.user is None:
            return None
        return f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}"

    def context(self) -> ssl.SSLContext | None:
        """What verifies its certificate, by the system's authorities or ``sslrootcert``.

        Reads files. None without TLS.

        Raises:
            URLError: A named file is missing or invalid.
        """
        if not self.is_encrypted:
            return None
        files: dict[str, Any] = {"sslrootcert": SYSTEM, **dict(self.files)}
        context = build_context(Parameters(sslmode="verify-full", **files))
        context.set_alpn_protocols(["http/1.1"])
        return context

    def __str__(self) -> str:
        scheme = "https" if self.is_encrypted else "http"
        user = "" if self.user is None else f"{self.user}:***@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{user}{host}:{self.port}{self.path}"

    def __repr__(self) -> str:
        return f"PatroniURL({str(self)!r})"
