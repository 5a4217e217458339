"""The state of a schema: at head, behind, ahead, and scripts that contradict each other."""

import psycopg
import pytest

from tests.staging.scripts import Scripts, tables
from wellhead import MigrationError, SchemaState
from wellhead.migrations import Migrations


@pytest.fixture(autouse=True)
def two(scripts: Scripts) -> None:
    scripts.add("0002", "...", after="0001")


def stamp(url: str, *revisions: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        for revision in revisions:
            connection.execute("INSERT INTO alembic_version VALUES (%s)", [revision])


def test_an_empty_database_is_behind_by_every_migration(migrations: Migrations) -> None:
    state = migrations.state()

    assert state == SchemaState("behind", (), "0002", ("0001", "0002"))
    assert not state.is_ready
    assert str(state) == "behind: the database is at nothing; not applied: 0001, 0002"


def test_a_database_is_behind_by_what_was_added_since(migrations: Migrations) -> None:
    migrations.upgrade("0001")

    assert migrations.state() == SchemaState("behind", ("0001",), "0002", ("0002",))


def test_a_migrated_database_is_at_head(migrations: Migrations) -> None:
    migrations.upgrade()
    state = migrations.state()

    assert state == SchemaState("at_head", ("0002",), "0002")
    assert state.is_ready


def test_a_database_with_a_revision_from_the_future_is_ahead_and_ready(
    migrations: Migrations, database_url: str
) -> None:
    stamp(database_url, "0003")
    state = migrations.state()

    assert state == SchemaState("ahead", ("0003",), "0002")
    assert state.is_ready


def test_an_old_program_leaves_a_newer_schema_as_it_is(
    migrations: Migrations, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    stamp(database_url, "0003")

    assert migrations.upgrade() == ()
    assert "the schema is ahead" in caplog.text
    assert tables(database_url) == set()


def test_scripts_with_several_heads_are_an_error(
    migrations: Migrations, scripts: Scripts, database_url: str
) -> None:
    scripts.add("0002b", "...", after="0001")

    for ask in (migrations.state, migrations.upgrade):
        with pytest.raises(MigrationError, match="2 heads: 0002, 0002b"):
            ask()
    assert tables(database_url) == set()


def test_no_migrations_at_all_are_at_head(migrations: Migrations, scripts: Scripts) -> None:
    for file in (scripts.directory / "versions").glob("*.py"):
        file.unlink()

    assert migrations.state() == SchemaState("at_head", (), None)
    assert migrations.upgrade() == ()
