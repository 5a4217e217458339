"""What a client has seen, signed, for the client to carry from request to request."""

import hashlib
import hmac
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

_TOKEN = re.compile(r"([0-9a-f]{1,10})((?:!\S+=\S+)*)\.(\S+)", re.ASCII)
# Another form of marks needs another number here: a token of the old form is then not valid.
_PURPOSE = b"wellhead read-after 1 "
_SKEW = 60
"""Seconds by which the clocks of two processes may differ."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What a client brought.

    Attributes:
        marks: What it has seen, by the name of each database.
        age: Seconds since it was signed.
    """

    marks: Mapping[str, str]
    age: float


class SignedMarks:
    """Signs and checks.

    A token is signed, since a client that could write one could send every read to the primary. It
    is no secret, and says nothing but positions.

    Args:
        key: The same in all processes.
        lifetime: Seconds for which a token is valid.
        clock: Returns the time in seconds since 1970.
    """

    def __init__(
        self, key: str, *, lifetime: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._key = key.encode()
        self._lifetime = lifetime
        self._clock = clock

    def sign(self, marks: Mapping[str, str]) -> str:
        """A token for these marks; it fits into a cookie and a header."""
        parts = "".join(f"!{quote(name, safe='')}={mark}" for name, mark in marks.items())
        body = f"{int(self._clock()):x}{parts}"
        return f"{body}.{self._signature(body)}"

    def read(self, token: str) -> Carried | None:
        """What a token says; None if it is not valid, or not any more."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        body, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._signature(body).encode(), signature.encode()):
            return None
        age = self._clock() - int(match[1], 16)
        if not -_SKEW <= age <= self._lifetime:
            return None
        pairs = (part.partition("=") for part in match[2].split("!")[1:])
        return Carried({unquote(name): mark for name, _, mark in pairs}, age)

    def _signature(self, body: str) -> str:
        digest = hmac.digest(self._key, _PURPOSE + body.encode(), hashlib.sha256)
        return urlsafe_b64encode(digest).decode().rstrip("=")
