"""Which requests get the figures: those with the token, or with the cookie of a login."""

import hashlib
import hmac
import time
from collections.abc import Callable
from ipaddress import ip_address

from starlette.requests import HTTPConnection

COOKIE = "wellhead_live"
"""The name of the cookie."""

LIFETIME = 12 * 3600
"""Seconds for which a login lasts."""

# Another form of cookies needs another number here.
_PURPOSE = b"wellhead live page 1 "


class Access:
    """Checks the token, and the cookie that takes its place after a login.

    The cookie says until when it is valid, and is signed with the token. So it does not tell the
    token, every process accepts it, and a new token ends all logins.

    Args:
        token: The token; None lets in every request to an address, or to ``localhost``.
        clock: Returns the time in seconds since 1970.
    """

    def __init__(self, token: str | None, *, clock: Callable[[], float] = time.time) -> None:
        self._token = None if token is None else token.encode()
        self._clock = clock

    def admits(self, connection: HTTPConnection) -> bool:
        """Whether a request may have the figures."""
        if self._token is None:
            return _is_address(connection.headers.get("host", ""))
        kind, _, given = connection.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self.is_token(given.strip()):
            return True
        return any(map(self._is_valid, _cookies_of(connection)))

    @property
    def asks_for_token(self) -> bool:
        """Whether there is a token."""
        return self._token is not None

    def is_token(self, given: str) -> bool:
        """Whether this is the token; takes as long for any text of its length."""
        # JSON can have halves of characters.
        text = given.encode(errors="surrogatepass")
        return self._token is None or hmac.compare_digest(text, self._token)

    def cookie(self) -> str:
        """The cookie of a login; valid for ``LIFETIME``."""
        until = f"{self._clock() + LIFETIME:.0f}"
        return f"{until}.{self._signature(until)}"

    def _is_valid(self, cookie: str) -> bool:
        until, _, signature = cookie.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(until).encode()):
            return False
        return self._clock() < int(until)

    def _signature(self, until: str) -> str:
        return hmac.digest(self._token or b"", _PURPOSE + until.encode(), hashlib.sha256).hex()


def _is_address(header: str) -> bool:
    # Another site can let a name of its own lead to this machine, and its pages would be of the
    # same origin as the figures.
    bracketed, _, _ = header.partition("]")
    host = bracketed[1:] if header.startswith("[") else header.partition(":")[0].lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _cookies_of(connection: HTTPConnection) -> list[str]:
    # Without Python's parser: before 3.11.10 and 3.12.6 it takes 20 s for 64 KB of backslashes.
    parts = [
        part.strip().partition("=")
        for header in connection.headers.getlist("cookie")
        for part in header.split(";")
    ]
    return [value for name, _, value in parts if name == COOKIE]
