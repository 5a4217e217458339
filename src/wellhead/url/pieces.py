"""A database that is given in pieces, rather than as one text: nothing in them needs encoding."""

import unicodedata
from typing import Final

from sqlalchemy import URL

from wellhead.url.hosts import DEFAULT_PORT, Host
from wellhead.url.split import (
    Driver,
    Parts,
    driver_of,
    fault,
    parameters_of,
    refuse_placeholder,
)

# Control characters, as a pasted line end is one, and half a surrogate pair.
_UNUSABLE: Final = frozenset({"Cc", "Cs"})


def parts_of(url: URL) -> Parts:
    """Take SQLAlchemy's URL apart.

    Raises:
        URLError: A driver that Wellhead does not take, or a character that cannot be.
    """
    pairs = (
        (name, value)
        for name, values in url.query.items()
        for value in ((values,) if isinstance(values, str) else values)
    )
    hosts = "" if url.host is None else str(Host(url.host, url.port or DEFAULT_PORT))
    return _checked(
        Parts(
            driver=driver_of(url.drivername.lower()),
            user=url.username,
            password=url.password,
            hosts=hosts or ("" if url.port is None else f":{url.port}"),
            database=url.database or "",
            parameters=tuple(pairs),
        )
    )


def parts_from(
    *,
    host: str,
    name: str,
    port: int | None = None,
    user: str | None = None,
    password: str | None = None,
    driver: Driver = "asyncpg",
    parameters: str = "",
) -> Parts:
    """Put together what comes one by one.

    Args:
        host: One host or several, as the parameter ``host`` of a URL takes them.
        name: The database's.
        port: The port of all hosts.
        user: Who connects.
        password: As it is, whatever characters it has.
        driver: The driver.
        parameters: As after the ``?`` of a URL, encoded as there.

    Raises:
        URLError: A character that cannot be, or parameters that are not ``name=value``.
    """
    places = [("host", host)] if port is None else [("host", host), ("port", str(port))]
    return _checked(
        Parts(
            driver=driver,
            user=user,
            password=password,
            hosts="",
            database=name,
            parameters=(*places, *parameters_of(parameters.removeprefix("?"))),
        )
    )


def _checked(parts: Parts) -> Parts:
    texts = {"user name": parts.user, "password": parts.password, "database name": parts.database}
    for what, text in texts.items():
        if any(unicodedata.category(character) in _UNUSABLE for character in text or ""):
            raise fault(f"has a control character in its {what}", "remove it, it was pasted along")
    refuse_placeholder(parts.password or "")
    return parts
