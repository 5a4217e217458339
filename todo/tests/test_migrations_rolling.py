"""A process of the version before goes on writing to a migrated database, until it is replaced.

The statements write the columns that those of revision 0003 wrote.
"""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest
from httpx2 import AsyncClient
from pwdlib.hashers.argon2 import Argon2Hasher
from staged import PASSWORD, StagedAccount, log_in
from task_api import TaskAPI
from test_migrations import MIGRATIONS
from writes import Connection

from todo.models import new_id, utc_now
from todo.text import fold_words
from wellhead import DatabaseSettings
from wellhead.migrations import Migrations

REGISTER = """
    INSERT INTO users (id, email, name, password_hash, created_at, updated_at)
    SELECT $1::uuid, $2::text, NULL, $3::text, $4::timestamptz, $4::timestamptz
    ON CONFLICT (id) DO NOTHING RETURNING id
"""
CREATE = """
    INSERT INTO tasks (id, user_id, title, description, priority, due_date, completed_at, version,
        created_at, updated_at)
    SELECT $1::uuid, $2::uuid, $3::text, $4::text, 2, NULL, NULL, 1, $5::timestamptz,
        $5::timestamptz
    ON CONFLICT (id) DO NOTHING RETURNING id
"""
CHANGE = """
    UPDATE tasks SET title = $2, description = $3, priority = 2, due_date = $4, completed_at = NULL,
        version = version + 1, updated_at = now()
    WHERE id = $1 RETURNING id
"""
FOLDED = "SELECT title_folded, description_folded FROM tasks WHERE id = $1"

ASCII = "".join(map(chr, range(1, 128)))


async def create(server: Connection, owner_id: UUID, title: str, text: str | None = None) -> UUID:
    """Create a task as the version before did."""
    task_id = new_id()
    assert await server.fetchval(CREATE, task_id, owner_id, title, text, utc_now()) == task_id
    return task_id


async def folded(server: Connection, task_id: UUID) -> tuple[str, str]:
    """The words by which a task is found."""
    row = await server.fetchrow(FOLDED, task_id)
    assert row is not None
    return row["title_folded"], row["description_folded"]


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


async def test_it_registers_accounts_that_can_log_in(
    client: AsyncClient, server: Connection
) -> None:
    password_hash = Argon2Hasher(time_cost=1, memory_cost=7 * 1024, parallelism=1).hash(PASSWORD)
    await server.fetchval(REGISTER, new_id(), "Ada+X@Example.com", password_hash, utc_now())

    await log_in(client, "ADA+x@example.com", PASSWORD)
    taken = await client.post(
        "/api/auth/register", json={"email": "ada+x@example.com", "password": PASSWORD}
    )
    assert taken.status_code == 409


async def test_an_address_that_only_python_folds_is_refused(server: Connection) -> None:
    with pytest.raises(asyncpg.NotNullViolationError):
        await server.fetchval(REGISTER, new_id(), "stra\u00dfe@example.com", "", utc_now())


async def test_it_creates_tasks_that_are_found_and_come_last(
    api: TaskAPI, server: Connection
) -> None:
    await api.task("First")
    await create(server, api.account.id, "Buy Br\u00f6tchen", "Two,\nplease")
    await api.task("Last")

    assert await api.titles(sort="position") == ["First", "Buy Br\u00f6tchen", "Last"]
    for words in ("buy", "brotch", "two please"):
        assert await api.titles(q=words) == ["Buy Br\u00f6tchen"]


async def test_ascii_is_folded_as_python_does(api: TaskAPI, server: Connection) -> None:
    task_id = await create(server, api.account.id, "A-b_C 9!", ASCII)

    assert await folded(server, task_id) == ("a b c 9", fold_words(ASCII))


async def test_tasks_of_one_moment_have_different_positions(
    api: TaskAPI, server: Connection
) -> None:
    now = utc_now()
    for number in range(5):
        await server.fetchval(CREATE, new_id(), api.account.id, f"{number}", None, now)

    rows = await server.fetch("SELECT position FROM tasks")

    assert len({row["position"] for row in rows}) == 5
    microseconds = (now - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000
    assert all(row["position"].startswith(f"{microseconds:016.0f}"[:15]) for row in rows)


async def test_a_task_that_it_changes_is_found_by_its_new_words(
    api: TaskAPI, server: Connection
) -> None:
    task = await api.task("Buy milk", description="At once", due_date="2030-01-31")
    moment = datetime(2030, 1, 31, 17, tzinfo=UTC)

    await server.fetchval(CHANGE, UUID(task["id"]), "Buy oat milk", "Soon", moment)

    assert await api.titles(q="oat soon") == ["Buy oat milk"]
    assert await api.titles(q="once") == []
    changed = await api.expect(200, "GET", f"/tasks/{task['id']}")
    assert changed["due_date"] == "2030-01-31T17:00:00Z"


async def test_a_change_of_other_fields_leaves_a_day_a_day(
    api: TaskAPI, server: Connection
) -> None:
    task = await api.task("Buy milk", due_date="2030-01-31")
    midnight = datetime(2030, 1, 31, tzinfo=UTC)

    await server.fetchval(CHANGE, UUID(task["id"]), "Buy tea", None, midnight)

    assert (await api.expect(200, "GET", f"/tasks/{task['id']}"))["due_date"] == "2030-01-31"


async def test_what_this_version_writes_is_left_to_it(api: TaskAPI, server: Connection) -> None:
    task = await api.task("GROSSE")
    path = f"/tasks/{task['id']}"

    await api.expect(
        200, "PATCH", path, json={"title": "Gro\u00dfe", "description": "\u00c9t\u00e9"}
    )

    assert await folded(server, UUID(task["id"])) == ("grosse", "ete")


def test_it_writes_between_the_migrations_too(database_url: str) -> None:
    migrations = Migrations(MIGRATIONS, settings=DatabaseSettings(url=database_url))

    async def write(email: str) -> None:
        connection = await asyncpg.connect(database_url)
        owner_id = new_id()
        await connection.fetchval(REGISTER, owner_id, email, "", utc_now())
        await create(connection, owner_id, "Buy milk")
        await connection.close()

    async def count() -> int:
        connection = await asyncpg.connect(database_url)
        found: int = await connection.fetchval(
            "SELECT count(*) FROM users JOIN tasks ON tasks.user_id = users.id "
            "WHERE email_folded = lower(email) AND title_folded = 'buy milk' AND position > ''"
        )
        await connection.close()
        return found

    revisions = [f"{number:04d}" for number in range(3, 11)]
    for revision in revisions:
        migrations.upgrade(revision)
        asyncio.run(write(f"At-{revision}@example.com"))
    assert asyncio.run(count()) == len(revisions)
