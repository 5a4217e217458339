"""Databases with many users, of whom each has a hundred tasks, and one of whom asks."""

from uuid import UUID

import asyncpg

TASKS_EACH, TAGS_EACH = 100, 10

_USERS = """
INSERT INTO users (id, email, email_folded, name, password_hash, created_at, updated_at)
SELECT ('0190' || lpad(to_hex(n), 8, '0') || '70008000000000000000')::uuid,
       'person' || n || '@example.com', 'person' || n || '@example.com', NULL, '', now(), now()
FROM generate_series(1, $1::int - 1) AS n
"""

_OWNERS = """
CREATE TEMPORARY TABLE owners AS
SELECT row_number() OVER (ORDER BY id = $1 DESC, id) - 1 AS number, id FROM users
"""

_TAGS = """
INSERT INTO tags (id, user_id, name, name_folded, color, version, created_at, updated_at)
SELECT ('0191' || lpad(to_hex(number * $1::int + n), 8, '0') || '70008000000000000000')::uuid,
       id, 'Tag ' || n, 'tag ' || n, '#6b7280', 1, now(), now()
FROM owners, generate_series(0, $1::int - 1) AS n
"""

_TASKS = """
INSERT INTO tasks (id, user_id, title, description, priority, due_date, completed_at, version,
                   created_at, updated_at, title_folded, description_folded, position)
SELECT ('0192' || lpad(to_hex(n), 8, '0') || '70008000000000000000')::uuid, owners.id, 'Task ' || n,
       CASE WHEN n % 2 = 0 THEN 'What is to be done about ' || n END, n % 4 + 1,
       CASE WHEN n % 3 > 0 THEN moment + interval '30 days' END,
       CASE WHEN n % 5 = 0 THEN moment END, 1, moment, moment, 'task ' || n,
       CASE WHEN n % 2 = 0 THEN 'what is to be done about ' || n END,
       (extract(epoch FROM moment) * 1000000)::bigint || '00005'
FROM generate_series(0, $1::int - 1) AS n
JOIN owners ON owners.number = n % ($1::int / $2::int)
CROSS JOIN LATERAL (
    SELECT timestamptz '2025-01-01 00:00:00+00' + n * interval '1 second' AS moment
) AS time
"""
"""Those of one user are spread over the whole table."""

_TASK_TAGS = """
INSERT INTO task_tags (task_id, tag_id)
SELECT tasks.id, tags.id
FROM (SELECT id, user_id, row_number() OVER (PARTITION BY user_id ORDER BY id) AS n FROM tasks)
     AS tasks
JOIN tags ON tags.user_id = tasks.user_id
         AND tags.name_folded IN ('tag ' || tasks.n % $1::int, 'tag ' || (tasks.n + 3) % $1::int)
"""

_TAKE_OUT = """
WITH gone AS (
    DELETE FROM tasks WHERE user_id = $1 AND created_at > '2025-06-01' RETURNING id
), off AS (
    DELETE FROM tags WHERE user_id = $1 AND name LIKE $2 RETURNING id
)
DELETE FROM task_tags
WHERE task_id IN (SELECT id FROM gone) OR tag_id IN (SELECT id FROM off)
"""

NEW_TAG = "New "
"""How the names of tags begin that are made by requests."""


class Data:
    """The data of one database, past all contestants.

    Args:
        connection: To the database.
        user_id: The user who asks.
    """

    def __init__(self, connection: asyncpg.Connection, user_id: UUID) -> None:
        self._connection = connection
        self._user_id = user_id

    async def fill(self, tasks: int, each: int = TASKS_EACH) -> None:
        """Fill empty tables that have only this user.

        Args:
            tasks: How many of all users together; a multiple of what each has.
            each: How many of each user.
        """
        async with self._connection.transaction():
            # What is inserted is right; checking each reference would take most of the time.
            await self._connection.execute("SET LOCAL session_replication_role = replica")
            await self._connection.execute(_USERS, tasks // each)
            await self._connection.execute(_OWNERS, self._user_id)
            await self._connection.execute(_TAGS, TAGS_EACH)
            await self._connection.execute(_TASKS, tasks, each)
            await self._connection.execute("ANALYZE")
            await self._connection.execute(_TASK_TAGS, TAGS_EACH)
            await self._connection.execute("DROP TABLE owners")
        await self._connection.execute("VACUUM ANALYZE")

    async def task_ids(self) -> list[UUID]:
        """The user's tasks."""
        ask = "SELECT id FROM tasks WHERE user_id = $1 ORDER BY id"
        return [row["id"] for row in await self._connection.fetch(ask, self._user_id)]

    async def clear(self) -> None:
        """Take out what requests have made, so that everybody meets the same tables."""
        async with self._connection.transaction():
            # Without triggers, nothing of it is listed as deleted; and nothing follows it.
            await self._connection.execute("SET LOCAL session_replication_role = replica")
            await self._connection.execute(_TAKE_OUT, self._user_id, f"{NEW_TAG}%")
        await self._connection.execute("VACUUM tasks, tags, task_tags")
