"""The migration that folds the words of tasks which exist already, and gives them positions."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from test_migrations import MIGRATIONS

from todo.models import new_id
from todo.tasks.positions import position_at
from todo.text import fold_words
from wellhead import DatabaseSettings
from wellhead.migrations import Migrations

BEFORE, FOLDED = "0007", "0008"
COUNT = 2500
"""More than two batches."""

TEXTS = (
    ("Buy Br\u00f6tchen", None),
    ("\u0141\u00f3d\u017a", "Two\nlines \u00c9t\u00e9"),
    ("?!", ""),
)

ADD_USER = """
    INSERT INTO users (id, email, email_folded, password_hash, created_at, updated_at)
    VALUES ($1, 'ada@example.com', 'ada@example.com', '', now(), now())
"""
ADD_TASK = """
    INSERT INTO tasks (id, user_id, title, description, priority, version, created_at, updated_at)
    VALUES ($1, $2, $3, $4, 2, 1, timestamptz '2026-01-01' + $5 * interval '1 minute', now())
"""


@pytest.fixture
def migrations(database_url: str) -> Migrations:
    return Migrations(MIGRATIONS, settings=DatabaseSettings(url=database_url))


async def add_tasks(url: str) -> None:
    """Tasks as they were before their words were folded."""
    connection = await asyncpg.connect(url)
    owner_id = new_id()
    await connection.execute(ADD_USER, owner_id)
    rows = [(new_id(), owner_id, *TEXTS[n % len(TEXTS)], n) for n in range(COUNT)]
    await connection.executemany(ADD_TASK, rows)
    await connection.close()


async def fetch(url: str, query: str, *values: object) -> Sequence[Any]:
    connection = await asyncpg.connect(url)
    rows: Sequence[Any] = await connection.fetch(query, *values)
    await connection.close()
    return rows


def test_every_task_is_folded_and_keeps_its_place(
    migrations: Migrations, database_url: str
) -> None:
    migrations.upgrade(BEFORE)
    asyncio.run(add_tasks(database_url))
    migrations.upgrade(FOLDED)
    rows = asyncio.run(fetch(database_url, "SELECT * FROM tasks ORDER BY position"))

    assert len(rows) == COUNT
    assert [row["created_at"] for row in rows] == sorted(row["created_at"] for row in rows)
    for row in rows:
        description = row["description"]
        assert row["title_folded"] == fold_words(row["title"])
        assert row["description_folded"] == (description and fold_words(description))
        assert row["position"] == position_at(row["created_at"], row["id"])
        assert not row["is_all_day"]
    found = "SELECT count(*) FROM tasks WHERE search_vector @@ to_tsquery('simple', $1)"
    for query, count in (("brotch:*", 834), ("ete & lodz", 833), ("nothing", 0)):
        assert asyncio.run(fetch(database_url, found, query))[0]["count"] == count


def test_it_may_be_taken_back_and_done_again_with_tasks(
    migrations: Migrations, database_url: str
) -> None:
    migrations.upgrade(BEFORE)
    asyncio.run(add_tasks(database_url))
    for _ in range(2):
        migrations.upgrade(FOLDED)
        migrations.downgrade(BEFORE)
    migrations.upgrade(FOLDED)
    query = "SELECT count(*) FROM tasks WHERE search_vector @@ to_tsquery('simple', 'lodz')"

    assert asyncio.run(fetch(database_url, query))[0]["count"] == 833
