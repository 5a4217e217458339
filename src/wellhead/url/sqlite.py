"""`SQLiteURL`: SQLite in memory, for tests that need no PostgreSQL."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, Self

from sqlalchemy import URL

from wellhead.url.split import fault, scheme_of

_SCHEME: Final = "sqlite+aiosqlite"


@dataclass(frozen=True, slots=True)
class SQLiteURL:
    """An in-memory database that all sessions of the process share on one connection.

    SQLAlchemy needs its ``StaticPool`` for it; a second connection would be a second, empty
    database.
    """

    driver: ClassVar[Literal["aiosqlite"]] = "aiosqlite"
    """The driver, which the extra ``sqlite`` installs."""

    notes: ClassVar[tuple[str, ...]] = (
        "SQLite in memory has one connection, which all sessions share.",
        "SQLite has no roles, row locks, advisory locks, time zones or statement timeouts.",
        "SQLite checks foreign keys only after PRAGMA foreign_keys=ON.",
    )
    """What works on PostgreSQL and does not work here, one sentence each."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``sqlite+aiosqlite://`` or ``sqlite+aiosqlite:///:memory:``.

        Raises:
            URLError: Another scheme, or a database in a file.
        """
        if scheme_of(text) != _SCHEME:
            raise fault("has a scheme that is not SQLite's", f"write {_SCHEME}:///:memory:")
        if text.partition("://")[2] not in {"", "/", "/:memory:"}:
            raise fault(
                "names an SQLite database in a file, and Wellhead takes SQLite only in memory",
                f"write {_SCHEME}:///:memory: in tests, and use PostgreSQL for what must last",
            )
        return cls()

    def sqlalchemy_url(self) -> URL:
        """Return the URL for ``create_async_engine``."""
        return URL.create(_SCHEME, database=":memory:")

    def connect_args(self) -> dict[str, Any]:
        """Return ``connect_args`` for ``create_async_engine``."""
        return {"check_same_thread": False}

    def render(self, *, hide_password: bool = True) -> str:  # noqa: ARG002 - as PostgresURL's
        """Write the URL; there is no password to hide."""
        return f"{_SCHEME}:///:memory:"

    def __str__(self) -> str:
        return self.render()
