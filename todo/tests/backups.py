"""What the tests of backups compare: databases, row by row."""

import json
from typing import Any

import asyncpg

from todo.backup.copying import quoted
from todo.backup.taking import OF_TRANSACTION
from todo.tables import metadata

Rows = dict[str, list[dict[str, Any]]]

# Texts that COPY has to escape, and values at the end of their ranges.
ACCOUNT = """
    WITH one AS (
        INSERT INTO users (id, email, email_folded, name, password_hash, created_at, updated_at)
        VALUES (gen_random_uuid(), $1, $1, E'tab\\t, line\\nline\\r, \\\\N and \\\\.', 'x',
            'infinity', '0001-01-01 00:00:00.123456+00')
        RETURNING id
    )
    INSERT INTO tasks (id, user_id, title, description, priority, due_date, version, created_at,
        updated_at)
    SELECT gen_random_uuid(), one.id, '\\N', CASE WHEN n % 2 = 0 THEN E'\\\\.\\n' END, 1,
        '-infinity', 1, now(), now()
    FROM one, generate_series(1, $2) AS n
"""


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
    """Add accounts with tasks, past the application."""
    connection = await asyncpg.connect(url)
    try:
        for number in range(count):
            await connection.execute(ACCOUNT, f"person{number}@example.com", tasks)
    finally:
        await connection.close()


async def execute(url: str, *statements: str) -> None:
    """Execute statements, each in a transaction of its own."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def value(url: str, statement: str) -> Any:
    """The first value that a statement returns."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()
