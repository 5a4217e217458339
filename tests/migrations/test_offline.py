"""Migrations as SQL."""

from pathlib import Path

import psycopg
import pytest

from tests.staging.scripts import NO_POND, POND, Scripts, tables
from wellhead import DatabaseSettings, MigrationError
from wellhead.migrations import Migrations

INDEX = """
with op.get_context().autocommit_block():
    op.create_index("ix_pond_id", "pond", ["id"], postgresql_concurrently=True)
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    scripts = Scripts(tmp_path / "scripts")
    scripts.add("0001", POND, NO_POND)
    scripts.add("0002", INDEX, 'op.drop_index("ix_pond_id")', after="0001")
    return scripts


def test_it_needs_no_database(scripts: Scripts) -> None:
    assert "CREATE TABLE pond" in Migrations(scripts.directory).sql()


def test_it_does_what_the_migrations_do(scripts: Scripts, database_url: str) -> None:
    migrations = Migrations(scripts.directory, settings=DatabaseSettings(url=database_url))
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in migrations.sql().split(";\n"):
            connection.execute(statement.encode())
        made = tables(database_url), migrations.state().position
        for statement in migrations.sql("0002:base", is_downgrade=True).split(";\n"):
            connection.execute(statement.encode())

    assert made == ({"pond"}, "at_head")
    assert tables(database_url) == set()


def test_every_transaction_gives_way_to_traffic(
    scripts: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_MIGRATION_LOCK_TIMEOUT", "2.5")
    statements = [line for line in Migrations(scripts.directory).sql().splitlines() if line]
    begun = [i for i, line in enumerate(statements) if line == "BEGIN;"]

    assert len(begun) == 3
    assert {statements[i + 1] for i in begun} == {"SET LOCAL lock_timeout = '2500ms';"}


def test_a_part_of_the_history_can_be_written(scripts: Scripts) -> None:
    part = Migrations(scripts.directory).sql("0001:0002")

    assert "CREATE INDEX CONCURRENTLY" in part
    assert "CREATE TABLE" not in part


def test_a_revision_that_does_not_exist_is_refused(scripts: Scripts) -> None:
    with pytest.raises(MigrationError, match="0009"):
        Migrations(scripts.directory).sql("0009")
