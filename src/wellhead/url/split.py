"""Take the text of a database URL apart without ever showing it.

The standard library's URL parser is too lenient for a database URL: it takes a password with an
unescaped ``/`` for a host and a port, and shows it in its error. Here every ambiguity is refused,
and no message repeats the text.
"""

import difflib
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import unquote_to_bytes

from wellhead.errors import URLError

Driver = Literal["asyncpg", "psycopg"]

DRIVERS: Final[dict[str, Driver]] = {
    "postgres": "asyncpg",
    "postgresql": "asyncpg",
    "postgresql+asyncpg": "asyncpg",
    "postgresql+psycopg": "psycopg",
}

# Only these are repeated in a message: other text before "://" may be part of a password.
_FOREIGN: Final = frozenset(
    {
        "cockroachdb", "http", "https", "jdbc:postgresql", "mariadb", "mongodb", "mysql", "oracle",
        "postgresql+pg8000", "postgresql+psycopg2", "postgresql+psycopg_async", "postgres+asyncpg",
        "postgres+psycopg", "prisma", "prisma+postgres", "redis", "sqlite",
    }
)  # fmt: skip
# Control and format characters, and lone surrogates.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs"})
_QUOTES: Final = "\"'`<>\u2018\u2019\u201c\u201d"
_EXAMPLE: Final = "postgresql://user:password@host/database"
_ENCODE: Final = (
    "percent-encode special characters in the user name and the password "
    "(@ as %40, / as %2F, ? as %3F, # as %23)"
)
_PLACEHOLDER: Final = re.compile(r"\*{3,}|\[your[-_]?password\]|<[a-z-_]*password>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parts:
    """The pieces of a PostgreSQL URL: hosts and parameters as written, the rest decoded."""

    driver: Driver
    user: str | None
    password: str | None = field(repr=False)
    hosts: str
    database: str
    parameters: tuple[tuple[str, str], ...] = field(repr=False)


def fault(problem: str, fix: str) -> URLError:
    """Build the sentence that names a problem and its fix.

    Args:
        problem: What is wrong, continuing "The database URL"; it must never contain a piece of
            the text that could be part of a password.
        fix: What to write instead.
    """
    return URLError(f"The database URL {problem}: {fix}.")


def scheme_of(text: str) -> str:
    """The scheme in lower case, after refusing text that was pasted with the URL."""
    _refuse_pasted_extras(text)
    scheme, separator, _ = text.partition("://")
    if not separator:
        raise fault("has no scheme", f"write {_EXAMPLE}")
    return scheme.lower()


def split(text: str) -> Parts:
    """Take a PostgreSQL URL apart.

    Raises:
        URLError: The text is not one unambiguous URL of a known scheme.
    """
    driver = driver_of(scheme_of(text))
    rest = text.partition("://")[2]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(authority) :]
    if "@" in tail or authority.count("@") > 1:
        raise fault("has an '@' that is not directly before the host", _ENCODE)
    if "#" in tail:
        raise fault("has an unescaped '#'", _ENCODE)
    path, _, query = tail.partition("?")
    userinfo, _, hosts = authority.rpartition("@")
    user, _, password = userinfo.partition(":")
    refuse_placeholder(password)
    return Parts(
        driver=driver,
        user=decode(user, "user name") or None,
        password=decode(password, "password") or None,
        hosts=hosts,
        database=_database_of(path),
        parameters=parameters_of(query),
    )


def refuse_placeholder(password: str) -> None:
    """Refuse what providers, and logs that hide passwords, write in place of a password.

    Raises:
        URLError: It is a placeholder or a mask.
    """
    if _PLACEHOLDER.fullmatch(password):
        raise fault("has a placeholder or a mask instead of a password", "insert the real password")


def decode(text: str, what: str) -> str:
    """Undo percent-encoding; ``+`` stays a plus sign, as in libpq.

    Raises:
        URLError: A stray ``%``, bytes that are not UTF-8, or a control character.
    """
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise fault(f"has a '%' without two hexadecimal digits in its {what}", "write it as %25")
    decoded = _utf8(text)
    if decoded is None:
        raise fault(f"has percent-encoded bytes in its {what} that are not UTF-8", "encode UTF-8")
    if any(unicodedata.category(character) == "Cc" for character in decoded):
        raise fault(f"has a control character in its {what}", "remove it")
    return decoded


def _utf8(text: str) -> str | None:
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeError:
        return None


def _refuse_pasted_extras(text: str) -> None:
    if not text.strip():
        raise fault("is empty", f"write {_EXAMPLE}")
    if re.match(r"psql\s", text.lstrip()):
        raise fault("is a whole psql command", "keep only the text between its quotes")
    if re.match(r"(export\s+)?[A-Za-z_]\w*\s*=", text.lstrip()):
        raise fault("begins with the name of a variable", "keep only the text after the '='")
    if text != text.strip():
        raise fault("has white space before or after it", "remove it")
    if re.search(r"\s#", text):
        raise fault("has a comment after it", "put the comment on a line of its own")
    if text[0] in _QUOTES or text[-1] in _QUOTES:
        raise fault("has quotes around it", "remove them")
    if any(character.isspace() for character in text):
        raise fault("has white space in it", "remove it, or write a space as %20")
    if any(unicodedata.category(character) in _INVISIBLE for character in text):
        raise fault("has an invisible character in it", "remove it")


def driver_of(scheme: str) -> Driver:
    """The driver that a scheme names.

    Raises:
        URLError: Wellhead does not support it.
    """
    if scheme in DRIVERS:
        return DRIVERS[scheme]
    known = ", ".join(f"{name}://" for name in DRIVERS)
    shown = f"has the scheme {scheme}://" if scheme in _FOREIGN else "has an unknown scheme"
    near = difflib.get_close_matches(scheme, DRIVERS, n=1, cutoff=0.8)
    fix = f"write {near[0]}://" if near else f"write one of {known}"
    raise fault(f"{shown}, which Wellhead does not support", fix)


def _database_of(path: str) -> str:
    name = path.removeprefix("/")
    if "/" in name:
        raise fault(
            "has a second '/' after the host",
            "end it with the name of the database, or write %2F for a '/' in that name",
        )
    return decode(name, "database name")


def parameters_of(query: str) -> tuple[tuple[str, str], ...]:
    """Parse the part after the ``?``.

    Raises:
        URLError: It is not a list of ``name=value`` joined by ``&``.
    """
    pairs = []
    for item in query.split("&") if query else ():
        name, separator, value = item.partition("=")
        if not separator or not name:
            raise fault(
                "has a parameter that is not name=value",
                "write name=value, joined by '&', with %26 for an '&' in a value",
            )
        pairs.append((decode(name, "parameters"), decode(value, "parameters")))
    return tuple(pairs)
