"""Tables in use: a migration gives way and tries again; what blocks no traffic may wait."""

import logging
import time

import pytest

from tests.staging.scripts import Running, Scripts, session, tables, value
from wellhead import DatabaseSettings, MigrationBusyError, MigrationError
from wellhead.migrations import Migrations

ADD_DEPTH = 'op.add_column("pond", sa.Column("depth", sa.Integer))'
INDEX = """
with op.get_context().autocommit_block():
    op.create_index("ix_pond_id", "pond", ["id"], postgresql_concurrently=True)
"""
INDEX_IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_pond_id')"
BLOCKED = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
AND wait_event_type = 'Lock' AND query LIKE 'CREATE INDEX%'
AND clock_timestamp() - query_start > interval '0.4 s'
"""


def gave_way(caplog: pytest.LogCaptureFixture) -> int:
    return sum(getattr(each, "event", "") == "migration_gave_way" for each in caplog.records)


def test_a_migration_gives_way_and_is_tried_again(
    scripts: Scripts, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = DatabaseSettings(url=database_url, migration_lock_timeout=0.1)
    migrations = Migrations(scripts.directory, settings=settings)
    migrations.upgrade()
    scripts.add("0002", ADD_DEPTH, after="0001")
    with caplog.at_level(logging.INFO, logger="wellhead"), session(database_url) as user:
        user.execute("SELECT * FROM pond")
        migrating = Running(migrations.upgrade)
        while not gave_way(caplog):
            assert migrating.is_alive()
        user.rollback()

        assert [each.revision for each in migrating.result()] == ["0002"]


def test_a_table_in_use_for_too_long_ends_it_and_changes_nothing(
    migrations: Migrations, scripts: Scripts, database_url: str
) -> None:
    migrations.upgrade()
    scripts.add("0002", f'op.create_table("lake")\n{ADD_DEPTH}', after="0001", title="Deepen it")
    with session(database_url) as user:
        user.execute("SELECT * FROM pond")
        with pytest.raises(MigrationBusyError, match=r"0002 \(Deepen it.\) needs") as caught:
            migrations.upgrade()

    assert "Nothing of it was kept" in str(caught.value)
    assert tables(database_url) == {"pond"}


def test_each_migration_has_the_whole_time_for_itself(
    migrations: Migrations, scripts: Scripts, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    scripts.add("0002", 'op.execute("SELECT pg_sleep(1.2)")', after="0001")
    scripts.add("0003", ADD_DEPTH, after="0002")
    with caplog.at_level(logging.INFO, logger="wellhead"), session(database_url) as user:
        migrating = Running(migrations.upgrade)
        while not value(database_url, "SELECT to_regclass('pond')"):
            assert migrating.is_alive()
        user.execute("SELECT * FROM pond")
        while not gave_way(caplog):
            assert migrating.is_alive()
        user.rollback()

        assert len(migrating.result()) == 3


def test_an_index_is_made_beside_the_traffic_however_long_it_waits(
    migrations: Migrations, scripts: Scripts, database_url: str
) -> None:
    migrations.upgrade()
    scripts.add("0002", INDEX, after="0001")
    with session(database_url) as user:
        user.execute("INSERT INTO pond VALUES (1)")
        migrating = Running(migrations.upgrade)
        # Four times as long as a migration may queue for a table.
        while not value(database_url, BLOCKED):
            assert migrating.is_alive()
            time.sleep(0.02)
        user.commit()

        assert len(migrating.result()) == 1
    assert value(database_url, INDEX_IS_VALID) is True


def test_the_limit_is_back_after_a_statement_that_may_wait(
    migrations: Migrations, scripts: Scripts, database_url: str
) -> None:
    note = "CREATE TABLE limits AS SELECT current_setting('lock_timeout') AS value"
    scripts.add("0002", f'{INDEX}\nop.execute("{note}")', after="0001")
    migrations.upgrade()

    assert value(database_url, "SELECT value FROM limits") == "100ms"


def test_what_ran_outside_its_transaction_is_not_tried_again(
    migrations: Migrations, scripts: Scripts, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    migrations.upgrade()
    scripts.add("0002", f"{INDEX}\n{ADD_DEPTH}", after="0001")
    with caplog.at_level(logging.INFO, logger="wellhead"), session(database_url) as user:
        user.execute("LOCK TABLE pond IN ACCESS SHARE MODE")
        with pytest.raises(MigrationError, match="outside its transaction"):
            migrations.upgrade()

    assert gave_way(caplog) == 0
    assert value(database_url, INDEX_IS_VALID) is True
