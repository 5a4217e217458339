"""The tables that all contestants begin with."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from bench.faults.todo_service import migrate
from bench.todo_speed.data import NEW_TAG, TASKS_EACH, Data

ME = UUID(int=1)
ALL = 3 * TASKS_EACH


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    await asyncio.to_thread(migrate, database_url)
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO users (id, email, email_folded, password_hash, created_at, updated_at) "
        "VALUES ($1, 'me@example.com', 'me@example.com', '', now(), now())",
        ME,
    )
    yield connection
    await connection.close()


@pytest.fixture
async def data(connection: asyncpg.Connection) -> Data:
    data = Data(connection, ME)
    await data.fill(ALL)
    return data


async def test_everybody_has_as_many_tasks_and_each_task_two_tags(
    connection: asyncpg.Connection, data: Data
) -> None:
    tasks = await connection.fetch("SELECT count(*) FROM tasks GROUP BY user_id")
    tags = await connection.fetch("SELECT count(*) FROM task_tags GROUP BY task_id")

    assert [row[0] for row in tasks] == [TASKS_EACH] * 3
    assert [row[0] for row in tags] == [2] * ALL
    assert len(await data.task_ids()) == TASKS_EACH


async def test_a_user_has_as_many_tasks_as_are_asked_for(connection: asyncpg.Connection) -> None:
    data = Data(connection, ME)
    await data.fill(1000, 250)

    assert len(await data.task_ids()) == 250
    assert await connection.fetchval("SELECT count(*) FROM users") == 4


async def test_every_reference_holds(connection: asyncpg.Connection, data: Data) -> None:
    """They are not checked when the rows are made."""
    del data
    strangers = await connection.fetchval(
        "SELECT count(*) FROM task_tags JOIN tasks ON tasks.id = task_id JOIN tags ON tags.id = "
        "tag_id WHERE tasks.user_id = tags.user_id"
    )
    owned = await connection.fetchval(
        "SELECT count(*) FROM tasks JOIN users ON users.id = tasks.user_id"
    )

    assert (strangers, owned) == (2 * ALL, ALL)


async def test_what_requests_made_is_taken_out(connection: asyncpg.Connection, data: Data) -> None:
    before = await data.task_ids()
    await connection.execute(
        "INSERT INTO tasks (id, user_id, title, title_folded, priority, position, version, "
        "created_at, updated_at) "
        "VALUES (gen_random_uuid(), $1, 'made', 'made', 2, '5', 1, now(), now())",
        ME,
    )
    await connection.execute(
        "INSERT INTO tags (id, user_id, name, name_folded, color, version, created_at, updated_at) "
        "VALUES (gen_random_uuid(), $1, $2, 'new', '#6b7280', 1, now(), now())",
        ME,
        f"{NEW_TAG}1",
    )
    await data.clear()

    assert await data.task_ids() == before
    assert await connection.fetchval("SELECT count(*) FROM deleted_tasks") == 0
    assert await connection.fetchval("SELECT count(*) FROM tags WHERE user_id = $1", ME) == 10
