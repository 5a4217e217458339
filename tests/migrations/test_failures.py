"""A failed migration in words."""

import pytest

from tests.staging.scripts import Scripts, tables, value
from wellhead import MigrationError
from wellhead.migrations import Migrations


def failure(migrations: Migrations) -> str:
    with pytest.raises(MigrationError) as caught:
        migrations.upgrade()
    return str(caught.value)


def test_a_refusal_of_the_server_is_named_without_statement_and_values(
    migrations: Migrations, scripts: Scripts
) -> None:
    fill = 'op.execute("INSERT INTO pond VALUES (4711), (4711)")'
    scripts.add("0002", fill, after="0001", title="Fill it")
    text = failure(migrations)

    assert text == (
        "Migration 0002 (Fill it.) failed: duplicate key value violates unique constraint "
        '"pond_pkey" (SQLSTATE 23505).\n'
        "Nothing of it was kept; what was applied before it stays."
    )


def test_a_name_is_told_whole_whatever_it_holds(migrations: Migrations, scripts: Scripts) -> None:
    scripts.add("0002", """op.execute("SELECT * FROM \\"it'>: s\\"")""", after="0001")

    assert """failed: relation "it'>: s" does not exist (SQLSTATE 42P01)""" in failure(migrations)


def test_a_mistake_in_the_script_is_named_with_its_place(
    migrations: Migrations, scripts: Scripts, database_url: str
) -> None:
    scripts.add("0002", 'op.create_table("lake")\nop.create_tabel("sea")', after="0001")
    text = failure(migrations)

    assert "Migration 0002 (Step 0002.) failed: AttributeError: " in text
    assert str(scripts.directory / "versions" / "0002.py") in text
    assert tables(database_url) == {"pond"}


def test_what_was_kept_outside_the_transaction_is_said(
    migrations: Migrations, scripts: Scripts, database_url: str
) -> None:
    outside = "with op.get_context().autocommit_block():\n    op.execute('CREATE TABLE lake ()')"
    scripts.add("0002", f"{outside}\nop.execute('SELECT 1 / 0')", after="0001")
    text = failure(migrations)

    assert "division by zero (SQLSTATE 22012)" in text
    assert "Statements outside its transaction were kept" in text
    assert tables(database_url) == {"pond", "lake"}
    assert value(database_url, "SELECT version_num FROM alembic_version") == "0001"


def test_a_migration_that_cannot_be_taken_back_is_named(
    migrations: Migrations, scripts: Scripts
) -> None:
    scripts.add("0002", "...", "op.execute('SELECT 1 / 0')", after="0001")
    migrations.upgrade()

    with pytest.raises(MigrationError, match="Taking back migration 0002"):
        migrations.downgrade("-1")
