"""The message of each attempt to connect, without what the drivers wrap around it.

asyncpg raises what one server said. psycopg and libpq write a text: the address they tried and the
result, repeated for every address.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from errno import EADDRNOTAVAIL, EAFNOSUPPORT, EHOSTUNREACH, ENETUNREACH

# At most this much of a foreign message is read; libpq takes no refusal longer than 30,000 bytes.
_MOST = 8192

_EACH = re.compile(r"^- host: [^\n]{1,600}?, hostaddr: (?:None|'[^'\n]{0,100}'): ", re.MULTILINE)
_WHERE = re.compile(
    r"connection to server (?:at .{1,300}?, port \d{1,5}|on socket .{1,300}?) failed: "
)
_PREFIX = re.compile(r"^(?:connection failed|connection is bad): ")
# Two blanks follow the severity, which is in the server's language. Wellhead lets libpq add the
# SQLSTATE: https://www.postgresql.org/docs/current/libpq-control.html#LIBPQ-PQSETERRORVERBOSITY
_SERVER = re.compile(r"^[^:\n]{1,40}:  (?:([0-9A-Z]{5}): )?")

_CLASS = re.compile(r"^<class '[\w.]{1,200}'>: ")

_WITHOUT_ROUTE = (ENETUNREACH, EADDRNOTAVAIL, EAFNOSUPPORT, EHOSTUNREACH)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of one attempt.

    Attributes:
        words: The message, on one line.
        sqlstate: The server's code, where it is known.
        by_server: Whether a server said it.
        by_network: Whether the operating system said it.
    """

    words: str
    sqlstate: str | None = None
    by_server: bool = False
    by_network: bool = False

    @property
    def lacks_route(self) -> bool:
        """Whether no address of that family can be reached from here."""
        if not self.by_network:
            return False
        return any(os.strerror(number) in self.words for number in _WITHOUT_ROUTE)


def attempts_in(error: BaseException) -> list[Attempt]:
    """Every attempt that a driver's exception reports; at least one."""
    text = str(error)[:_MOST]
    if isinstance(error, OSError):
        return list(_of_the_system(error, text))
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        return [Attempt(_first_line(without_class(text)), sqlstate, by_server=True)]
    if not type(error).__module__.startswith("psycopg"):
        return [Attempt(_first_line(text))]
    return list(_of_libpq(text))


def without_class(text: str) -> str:
    """The message of asyncpg, without its class name, which SQLAlchemy 2.0 prepends."""
    return _CLASS.sub("", text)


def _of_the_system(error: OSError, text: str) -> Iterator[Attempt]:
    # asyncio adds its own words to the errno, and merges several failed addresses into one text.
    listed = [int(number) for number in re.findall(r"\[Errno (\d{1,4})\]", text)]
    numbers = [error.errno] if error.errno else listed
    for number in numbers:
        yield Attempt(os.strerror(number), by_network=True)
    if not numbers:
        yield Attempt(_first_line(text))


def _of_libpq(text: str) -> Iterator[Attempt]:
    first, *others = _EACH.split(text)
    # With several addresses, the first attempt is a repetition of the last.
    for attempt in others or [first]:
        before, *failures = _WHERE.split(attempt)
        for failure in failures:
            # libpq names the address only if it passes on a message of the server or the system.
            yield _read(failure, by_network=True)
        if not failures:
            yield _read(_PREFIX.sub("", before), by_network=False)


def _read(text: str, *, by_network: bool) -> Attempt:
    said = _SERVER.match(text)
    if said is None:
        return Attempt(_first_line(text), by_network=by_network)
    return Attempt(_first_line(text[said.end() :]), said[1], by_server=True)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip(".")
