"""What an attack has left behind: rows that are no longer what they were, and words that leaked."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg

SIGNS = (
    "sqlalchemy",
    "asyncpg",
    "psycopg",
    "traceback",
    "[sql",
    "syntax error",
    "$1::",
    "select tasks",
    "from tasks",
    "from users",
    "insert into",
    "update tasks",
    "pg_catalog",
    "argon2",
    "localhost",
)
"""Words of statements, drivers and hosts, in small letters; no request of the corpus has them."""


def signs_of(url: str) -> tuple[str, ...]:
    """What must not show in any answer of an application on this database."""
    parts = urlsplit(url)
    own = (parts.hostname, f":{parts.port}", parts.password, parts.path[1:])
    return (*SIGNS, *(each.lower() for each in own if each))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All rows but those of one user, and all columns there are.

    Login attempts are counted per client, so they are left out.
    """

    rows: Counter[tuple[str, str]]

    @classmethod
    async def take(cls, url: str, *, but: str) -> "Snapshot":
        """Read everything.

        Args:
            url: The database.
            but: The id of the user whose rows do not matter.
        """
        connection = await asyncpg.connect(url)
        try:
            columns = await connection.fetch(
                "SELECT table_name::text, column_name::text FROM information_schema.columns"
                " WHERE table_schema = 'public'"
            )
            rows = Counter((table, f"column {column}") for table, column in columns)
            theirs = [str(each) for each, *_ in await connection.fetch(_OWNED, but)]
            for table in {table for table, _ in columns} - {"login_attempts"}:
                found = await connection.fetch(f'SELECT each::text FROM "{table}" each')  # noqa: S608 - a table of ours
                for (row,) in found:
                    if not any(each in row for each in theirs):
                        rows[table, row] += 1
        finally:
            await connection.close()
        return cls(rows)

    def changed(
        self, after: "Snapshot", *, acknowledged: Mapping[str, int], victim: str
    ) -> list[tuple[str, str]]:
        """Rows that are gone or changed, and rows that no client was told of.

        Args:
            after: The same at the end.
            acknowledged: How many new rows of each table clients were told of.
            victim: The id of a user who did nothing: no new row may be theirs.
        """
        wrong = list((self.rows - after.rows).elements())
        come = list((after.rows - self.rows).elements())
        counts = Counter(table for table, _ in come)
        wrong += [
            (table, row)
            for table, row in come
            if victim in row or counts[table] != acknowledged.get(table, 0)
        ]
        return wrong


_OWNED = """
    SELECT $1 UNION SELECT id::text FROM tasks WHERE user_id::text = $1
    UNION SELECT id::text FROM tags WHERE user_id::text = $1
"""
