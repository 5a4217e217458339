"""What requests of the user use up, and what only today's Todo API has of them."""

from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg

from bench.todo_speed.contestants import KEY
from todo.accounts.api_tokens import PREFIX
from todo.accounts.secret_tokens import hash_of
from todo.accounts.tokens import Tokens

API_TOKEN = PREFIX + "benchmark".ljust(43, "0")
"""One of the user's API tokens; it may write."""

LOGINS_EACH, API_TOKENS_EACH = 20, 10

_LOGINS = """
INSERT INTO logins (id, user_id, token_hash, device, network, created_at, last_used_at, expires_at)
SELECT gen_random_uuid(), $1, sha256(n::text::bytea), 'Firefox on Linux', '192.0.2.0/24',
       '2025-01-01', '2025-01-01', '2100-01-01'
FROM generate_series(1, $2::int) AS n
"""

_API_TOKENS = """
INSERT INTO api_tokens (id, user_id, name, scope, token_hash, created_at)
SELECT gen_random_uuid(), $1, 'Token ' || n, 'write',
       CASE WHEN n = 1 THEN $3 ELSE sha256(n::text::bytea) END, '2025-01-01'
FROM generate_series(1, $2::int) AS n
"""

_STARTED = """
INSERT INTO logins (id, user_id, token_hash, created_at, last_used_at, expires_at)
SELECT id, $1, token_hash, now(), now(), $4
FROM unnest($2::uuid[], $3::bytea[]) AS given (id, token_hash)
"""

_NEW_TASKS = """
INSERT INTO tasks (id, user_id, title, priority, version, created_at, updated_at, title_folded,
                   position)
SELECT gen_random_uuid(), $1, 'Task ' || n, 2, 1, now(), now(), 'task ' || n,
       '1735689600' || lpad(n::text, 10, '0') || '5'
FROM generate_series(1, $2::int) AS n RETURNING id
"""

_NEW_TASK_TAGS = """
INSERT INTO task_tags (task_id, tag_id)
SELECT task_id, tags.id FROM unnest($2::uuid[]) AS given (task_id) CROSS JOIN tags
WHERE tags.user_id = $1 AND tags.name_folded IN ('tag 1', 'tag 2')
"""


class Supplies:
    """The user's logins, API tokens and deleted tasks in one database of today's Todo API.

    Args:
        connection: To the database.
        user_id: The user who asks.
    """

    def __init__(self, connection: asyncpg.Connection, user_id: UUID) -> None:
        self._connection = connection
        self._user_id = user_id
        self._tokens = Tokens(
            key=KEY,
            algorithm="HS256",
            issuer="todo-api",
            audience="todo-api",
            access_lifetime=timedelta(minutes=15),
            refresh_lifetime=timedelta(days=30),
        )

    async def fill(self) -> None:
        """Make what the user has all the time, in place of what there was."""
        await self._connection.execute("DELETE FROM logins WHERE user_id = $1", self._user_id)
        await self._connection.execute(_LOGINS, self._user_id, LOGINS_EACH)
        await self._connection.execute(
            _API_TOKENS, self._user_id, API_TOKENS_EACH, hash_of(API_TOKEN)
        )

    async def start_logins(self, count: int) -> list[str]:
        """Start so many logins more, and return the refresh token of each."""
        ids = [uuid4() for _ in range(count)]
        issued = [self._tokens.issue_refresh(user_id=self._user_id, login_id=each) for each in ids]
        hashes = [each.hash for each in issued]
        await self._connection.execute(_STARTED, self._user_id, ids, hashes, issued[0].expires_at)
        return [each.text for each in issued]

    async def delete_tasks(self, count: int) -> list[UUID]:
        """Delete so many tasks with two tags, which are new, and return their ids."""
        async with self._connection.transaction():
            rows = await self._connection.fetch(_NEW_TASKS, self._user_id, count)
            ids = [row["id"] for row in rows]
            await self._connection.execute(_NEW_TASK_TAGS, self._user_id, ids)
            await self._connection.execute("DELETE FROM tasks WHERE id = ANY($1)", ids)
        return ids

    async def clear(self) -> None:
        """Take out the logins that were started, and what is remembered of deleted tasks."""
        await self._connection.execute(
            "DELETE FROM logins WHERE user_id = $1 AND created_at > '2025-06-01'", self._user_id
        )
        await self._connection.execute(
            "DELETE FROM deleted_tasks WHERE user_id = $1", self._user_id
        )
        await self._connection.execute("VACUUM logins, deleted_tasks")
