"""Servers that are given to the tests instead of an embedded one, by two variables.

``TEST_DATABASE_URL``: a PostgreSQL on this machine's loopback address, as its superuser
``wellhead``, with a password that needs no encoding. ``TEST_POOLER_PORT``: the port of a PgBouncer
in front of it; what goes through `by_pooler` then takes that way. ``compose.test.yaml`` sets them.
"""

import os
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit


class Postgres(Protocol):
    """A running server, wherever it came from; it listens on 127.0.0.1."""

    @property
    def url(self) -> str:
        """Where its superuser connects."""

    @property
    def port(self) -> int:
        """The port it listens on."""

    @property
    def password(self) -> str:
        """The superuser's password."""


@dataclass(frozen=True, slots=True)
class GivenPostgres:
    """The server of ``TEST_DATABASE_URL``."""

    url: str = field(repr=False)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return urlsplit(self.url).port or 5432

    @property
    def password(self) -> str:
        """The superuser's password."""
        return urlsplit(self.url).password or ""


def given_postgres() -> GivenPostgres | None:
    """The server that was given, or None when the tests are to start their own."""
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        return None
    if urlsplit(url).hostname != "127.0.0.1":
        raise ValueError("TEST_DATABASE_URL must lead to 127.0.0.1, like the embedded server.")
    return GivenPostgres(url)


def is_pooler_given() -> bool:
    """Whether there is a pooler that the application's tests are to pass."""
    return bool(os.environ.get("TEST_POOLER_PORT"))


def by_pooler(url: str) -> str:
    """The same database through the pooler, if one was given."""
    port = os.environ.get("TEST_POOLER_PORT")
    if not port:
        return url
    parts = urlsplit(url)
    address = parts.netloc.rpartition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{address}:{port}"))
