"""`SQLiteURL`: SQLite in memory, for tests that need no PostgreSQL."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, Self
from urllib.parse import parse_qsl

from sqlalchemy import URL

from wellhead.url.split import fault, scheme_of

_SCHEME: Final = "sqlite+aiosqlite"
_MEMORY: Final = ":memory:"
# Parameters that are often written as well; they always apply here.
_IMPLIED: Final = frozenset({"uri", "check_same_thread"})
_NAME: Final = re.compile(r"[\w:.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class SQLiteURL:
    """An in-memory database, with one connection that all sessions share.

    It begins empty, and lasts as long as the :class:`wellhead.Database` that uses it, even while
    that is closed.

    Attributes:
        name: If the URL says ``cache=shared``, the name under which everything in this process
            reaches the same database, even another library's engine; else None.
    """

    name: str | None = None

    driver: ClassVar[Literal["aiosqlite"]] = "aiosqlite"
    """The driver, which the extra ``sqlite`` installs."""

    notes: ClassVar[tuple[str, ...]] = (
        "SQLite in memory has one connection, which all sessions share.",
        "SQLite has no roles, row locks, advisory locks, time zones or statement timeouts.",
        "SQLite checks foreign keys only after PRAGMA foreign_keys=ON.",
    )
    """What works on PostgreSQL and not here, one sentence each."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the URL of an in-memory database.

        Args:
            text: ``sqlite+aiosqlite://``, ``sqlite+aiosqlite:///:memory:``,
                ``sqlite+aiosqlite:///file::memory:``, or with a name
                ``sqlite+aiosqlite:///file:shop?mode=memory``; the latter two can be shared with
                ``cache=shared``.

        Raises:
            URLError: Another scheme, a database file, or an unknown parameter.
        """
        if scheme_of(text) != _SCHEME:
            raise fault("has a scheme that is not SQLite's", f"write {_SCHEME}:///:memory:")
        place, _, query = text.partition("://")[2].partition("?")
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        name = place.removeprefix("/").removeprefix("file:")
        mode, cache = parameters.pop("mode", None), parameters.pop("cache", None)
        is_named = place.startswith("/file:") and mode == "memory" and _NAME.fullmatch(name)
        if not (name in {"", _MEMORY} or is_named) or mode not in {None, "memory"}:
            raise fault(
                "names a SQLite database file, and Wellhead supports SQLite only in memory",
                f"write {_SCHEME}:///:memory: in tests, and use PostgreSQL for data that must last",
            )
        if parameters.keys() - _IMPLIED or cache not in {None, "private", "shared"}:
            raise fault(
                "has a parameter that means nothing for SQLite in memory",
                "keep none but mode=memory and cache=shared",
            )
        return cls((name or _MEMORY) if cache == "shared" else None)

    def sqlalchemy_url(self, name: str | None = None) -> URL:
        """Return the URL for ``create_async_engine``.

        Args:
            name: A name for a database that has none, by which several connections reach it.
        """
        shared = self.name or name
        if shared is None:
            return URL.create(_SCHEME, database=_MEMORY)
        query = {"mode": "memory", "cache": "shared", "uri": "true"}
        return URL.create(_SCHEME, database=f"file:{shared}", query=query)

    def connect_args(self) -> dict[str, Any]:
        """Return ``connect_args`` for ``create_async_engine``."""
        return {"check_same_thread": False}

    def render(self, *, hide_password: bool = True) -> str:  # noqa: ARG002 - as PostgresURL's
        """Write the URL; there is no password to hide."""
        if self.name is None:
            return f"{_SCHEME}:///{_MEMORY}"
        return f"{_SCHEME}:///file:{self.name}?mode=memory&cache=shared&uri=true"

    def __str__(self) -> str:
        return self.render()
