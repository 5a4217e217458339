"""A database given in separate parts instead of one text: none of them needs encoding."""

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

# Control characters, such as a pasted line end, and lone surrogates.
_UNUSABLE: Final = frozenset({"Cc", "Cs"})


def parts_of(url: URL) -> Parts:
    """Take SQLAlchemy's URL apart.

    Raises:
        URLError: A driver that Wellhead does not support, or an invalid character.
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
    """Combine separately given parts.

    Args:
        host: One or several hosts, as in the ``host`` parameter of a URL.
        name: The database's name.
        port: The port of all hosts.
        user: The role that connects.
        password: As it is, with any characters.
        driver: The driver.
        parameters: As after the ``?`` of a URL, in the same encoding.

    Raises:
        URLError: An invalid character, or parameters that are not ``name=value``.
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
            raise fault(f"has a control character in its {what}", "remove it")
    refuse_placeholder(parts.password or "")
    return parts
