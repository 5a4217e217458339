"""The migrations of a project: compared with its models, and newly written."""

from pathlib import Path

import pytest

from tests.staging.scripts import POND, Scripts, tables
from wellhead import DatabaseSettings, MigrationError
from wellhead.migrations import Applied, Migrations

DEPTH = ', sa.Column("depth", sa.Integer)'


@pytest.fixture
def deeper(tmp_path: Path, settings: DatabaseSettings) -> Migrations:
    """Migrations that lack a column of the models."""
    scripts = Scripts(tmp_path / "scripts", columns=DEPTH)
    scripts.add("0001", POND)
    migrations = Migrations(scripts.directory, settings=settings)
    migrations.upgrade()
    return migrations


def test_each_migration_is_reported_once_it_is_committed(
    migrations: Migrations, scripts: Scripts, database_url: str
) -> None:
    scripts.add("0002", 'op.create_table("lake")', after="0001")
    seen: list[tuple[str, set[str]]] = []

    def note(applied: Applied) -> None:
        seen.append((applied.revision, tables(database_url)))

    migrations.upgrade(report=note)

    assert seen == [("0001", {"pond"}), ("0002", {"pond", "lake"})]


def test_models_that_equal_the_schema_have_no_differences(migrations: Migrations) -> None:
    migrations.upgrade()

    assert migrations.differences() == ""


def test_a_column_that_no_migration_makes_is_a_difference(deeper: Migrations) -> None:
    assert "op.add_column('pond', sa.Column('depth'" in deeper.differences()


def test_a_schema_that_is_behind_cannot_be_compared(migrations: Migrations) -> None:
    with pytest.raises(MigrationError, match="not at head"):
        migrations.differences()


def test_a_new_migration_holds_the_differences_under_the_next_number(
    deeper: Migrations,
) -> None:
    written = deeper.new("deepen the pond")
    assert written is not None
    deeper.upgrade()

    assert written.name == "0002_deepen_the_pond.py"
    assert deeper.differences() == ""
    assert deeper.title_of("0002") == ""


def test_nothing_is_written_where_nothing_differs(migrations: Migrations, scripts: Scripts) -> None:
    migrations.upgrade()

    assert migrations.new("nothing") is None
    assert len(list((scripts.directory / "versions").glob("*.py"))) == 1


def test_an_empty_migration_needs_no_database(scripts: Scripts) -> None:
    migrations = Migrations(scripts.directory)
    migrations.new("first", is_empty=True)
    written = migrations.new("second", is_empty=True)

    assert written is not None
    assert written.name == "0003_second.py"


def test_revisions_that_are_no_numbers_are_followed_by_one_of_alembics(
    scripts: Scripts,
) -> None:
    scripts.add("a1b2", "...", after="0001")
    written = Migrations(scripts.directory).new("third", is_empty=True)

    assert written is not None
    assert len(written.name.removesuffix("_third.py")) == 12


def test_a_revision_that_does_not_exist_is_refused(migrations: Migrations) -> None:
    with pytest.raises(MigrationError, match="nonsense"):
        migrations.upgrade("nonsense")
