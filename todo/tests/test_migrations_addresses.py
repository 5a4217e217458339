"""The migration that folds the e-mail addresses of accounts which exist already."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import pytest
from test_migrations import MIGRATIONS

from todo.models import new_id
from wellhead import DatabaseSettings
from wellhead.errors import MigrationError
from wellhead.migrations import Migrations

BEFORE, FOLDED = "0004", "0006"

INSERT = """
    INSERT INTO users (id, email, password_hash, created_at, updated_at)
    VALUES ($1, $2, '', now(), now())
"""


async def add_accounts(url: str, emails: Sequence[str]) -> list[UUID]:
    """Accounts as they were before their addresses were folded."""
    ids = [new_id() for _ in emails]
    connection = await asyncpg.connect(url)
    await connection.executemany(INSERT, list(zip(ids, emails, strict=True)))
    await connection.close()
    return ids


async def execute(url: str, statement: str, *values: object) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement, *values)
    await connection.close()


async def folded_of(url: str) -> dict[str, str]:
    """The folded address of every account, by the address."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT email, email_folded FROM users")
    await connection.close()
    return {row["email"]: row["email_folded"] for row in rows}


class Schema:
    """A database whose accounts were made before the migration."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._migrations = Migrations(MIGRATIONS, settings=DatabaseSettings(url=url))
        self._migrations.upgrade(BEFORE)

    def add(self, *emails: str) -> list[UUID]:
        return asyncio.run(add_accounts(self._url, emails))

    def fold(self) -> None:
        self._migrations.upgrade(FOLDED)

    def take_back(self) -> None:
        self._migrations.downgrade(BEFORE)

    def execute(self, statement: str, *values: object) -> None:
        asyncio.run(execute(self._url, statement, *values))

    @property
    def folded(self) -> dict[str, str]:
        return asyncio.run(folded_of(self._url))


@pytest.fixture
def schema(database_url: str) -> Schema:
    return Schema(database_url)


def test_every_address_is_folded_however_many_there_are(schema: Schema) -> None:
    emails = [f"Person{number}@Example.com" for number in range(2500)]
    schema.add("\u0130van@example.com", "STRASSE@example.com", "Jose\u0301@example.com", *emails)

    schema.fold()

    assert schema.folded == {
        "\u0130van@example.com": "i\u0307van@example.com",
        "STRASSE@example.com": "strasse@example.com",
        "Jose\u0301@example.com": "jos\u00e9@example.com",
        **{email: email.lower() for email in emails},
    }


def test_two_accounts_of_one_address_are_named_by_their_ids_only(schema: Schema) -> None:
    first, _, second = schema.add(
        "stra\u00dfe@example.com", "ada@example.com", "STRASSE@example.com"
    )

    with pytest.raises(MigrationError) as caught:
        schema.fold()

    assert f"{first} and {second}" in str(caught.value)
    assert "example.com" not in str(caught.value)
    assert "UPDATE users SET email" in str(caught.value)


def test_it_goes_on_once_one_of_them_has_another_address(schema: Schema) -> None:
    _, second = schema.add("stra\u00dfe@example.com", "STRASSE@example.com")
    with pytest.raises(MigrationError):
        schema.fold()
    schema.execute("UPDATE users SET email = 'Road@example.com' WHERE id = $1", second)

    schema.fold()

    assert schema.folded == {
        "stra\u00dfe@example.com": "strasse@example.com",
        "Road@example.com": "road@example.com",
    }


def test_it_may_be_taken_back_and_run_again(schema: Schema) -> None:
    schema.add("Ada@example.com")
    schema.fold()
    schema.take_back()
    schema.add("Grace@example.com")

    schema.fold()

    assert schema.folded == {
        "Ada@example.com": "ada@example.com",
        "Grace@example.com": "grace@example.com",
    }


def test_it_may_be_run_again_after_it_was_stopped_half_way(schema: Schema) -> None:
    schema.add("Ada@example.com")
    schema.fold()
    schema.execute("UPDATE alembic_version SET version_num = '0005'")
    schema.execute("ALTER TABLE users ALTER COLUMN email_folded DROP NOT NULL")

    schema.fold()

    assert schema.folded == {"Ada@example.com": "ada@example.com"}
