"""What the tests of backups compare: databases, row by row."""

import json
from pathlib import Path
from typing import Any

import asyncpg
from staged import task_of

from todo.accounts.models import User
from todo.backup.copying import quoted
from todo.backup.taking import OF_TRANSACTION
from todo.tables import metadata
from wellhead import Database, DatabaseSettings

Rows = dict[str, list[dict[str, Any]]]

STRANGE = "tab\t, line\nline\r, \\N and \\."
"""A text that COPY has to escape."""


async def rows_of(url: str) -> Rows:
    """All rows of the application's tables, but for the ids of transactions."""
    connection = await asyncpg.connect(url)
    try:
        found = {
            name: await connection.fetch(f"SELECT to_jsonb(t)::text AS row FROM {quoted(name)} t")  # noqa: S608
            for name in metadata.tables
        }
    finally:
        await connection.close()
    return {
        name: sorted((_meant(json.loads(each["row"])) for each in rows), key=str)
        for name, rows in found.items()
    }


def _meant(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.endswith(OF_TRANSACTION)}


async def add_accounts(url: str, *, count: int, tasks: int) -> None:
    """Add accounts with tasks, with values at the end of their ranges."""
    async with Database(DatabaseSettings(url=url)) as database, database.session() as session:
        for number in range(count):
            user = User(email=f"person{number}@example.com", name=STRANGE, password_hash="x")
            session.add(user)
            await session.flush()
            session.add_all(task_of(user.id, "\\N", description=STRANGE) for _ in range(tasks))
    await execute(
        url,
        "UPDATE users SET created_at = 'infinity', updated_at = '0001-01-01 00:00:00.123456+00'",
        "UPDATE tasks SET due_date = '-infinity', description = NULL WHERE random() < 0.5",
    )


async def execute(url: str, *statements: str) -> None:
    """Execute statements, each in a transaction of its own."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def names_in(directory: Path) -> list[str]:
    """The names of all files that a backup may have left."""
    return [path.name for path in directory.iterdir() if path.name != "state"]


async def value(url: str, statement: str) -> Any:
    """The first value that a statement returns."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()
