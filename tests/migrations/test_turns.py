"""Whose turn it is: many processes, one that holds the lock for ever, one that loses it."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.staging.scripts import Running, Scripts, tables, value
from wellhead import DatabaseSettings, MigrationBusyError, MigrationError
from wellhead.migrations import Migrations, turns

pytestmark = pytest.mark.slow

DIGGER = """
op.execute("CREATE TABLE diggers (pid int)")
op.execute("INSERT INTO diggers VALUES (pg_backend_pid())")
op.execute("SELECT pg_sleep(0.5)")
"""
HOLDERS = """
CREATE VIEW holders AS SELECT pid, state FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND datname = current_database()
"""


@contextmanager
def somebody_elses_turn(url: str) -> "Iterator[psycopg.Connection[Any]]":
    with psycopg.connect(url, autocommit=True, application_name="the other one") as connection:
        connection.execute("SELECT pg_advisory_lock(%s::bigint)", [turns._KEY])  # noqa: SLF001
        yield connection


def test_of_ten_processes_that_start_together_one_migrates(
    scripts: Scripts, database_url: str
) -> None:
    scripts.add("0002", DIGGER, after="0001")
    command = [sys.executable, "-m", "wellhead", "migrate", "up", "--scripts"]
    started = [
        subprocess.Popen(
            [*command, str(scripts.directory)],
            env={**os.environ, "DATABASE_URL": database_url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(10)
    ]
    ended = [(*process.communicate(), process.returncode) for process in started]

    assert [code for _, _, code in ended] == [0] * 10, ended
    assert sorted(output.count("applied") for output, _, _ in ended) == [0] * 9 + [2]
    assert value(database_url, "SELECT count(*) FROM diggers") == 1
    assert value(database_url, "SELECT string_agg(version_num, ' ') FROM alembic_version") == "0002"


def test_a_schema_at_head_takes_no_lock(migrations: Migrations, database_url: str) -> None:
    migrations.upgrade()
    with somebody_elses_turn(database_url):
        assert migrations.upgrade() == ()


def test_who_holds_the_lock_is_named_when_the_wait_is_over(
    scripts: Scripts, database_url: str
) -> None:
    settings = DatabaseSettings(url=database_url, migration_timeout=1, env_prefix="SHOP_")
    migrations = Migrations(scripts.directory, settings=settings)
    with somebody_elses_turn(database_url) as other:
        holder = f"server process {other.info.backend_pid} (the other one)"
        with pytest.raises(MigrationBusyError) as caught:
            migrations.upgrade()

    assert holder in str(caught.value)
    assert "SHOP_MIGRATION_TIMEOUT" in str(caught.value)
    assert tables(database_url) == set()


def test_what_another_process_has_done_meanwhile_is_not_waited_for(
    scripts: Scripts, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    patient = Migrations(scripts.directory, settings=DatabaseSettings(url=database_url))
    with (
        caplog.at_level(logging.INFO, logger="wellhead"),
        somebody_elses_turn(database_url) as other,
    ):
        waiting = Running(patient.upgrade)
        while not any(getattr(each, "event", "") == "migration_waiting" for each in caplog.records):
            assert waiting.is_alive()
        other.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        other.execute("INSERT INTO alembic_version VALUES ('0001')")

        assert waiting.result() == ()


def test_the_lock_is_gone_afterwards_also_after_a_failure(
    migrations: Migrations, scripts: Scripts, database_url: str
) -> None:
    scripts.add("0002", f'op.execute("""{HOLDERS}""")', after="0001")
    scripts.add("0003", 'op.execute("SELECT 1 / 0")', after="0002")
    with pytest.raises(MigrationError):
        migrations.upgrade()

    assert value(database_url, "SELECT count(*) FROM holders") == 0


def test_the_lock_is_held_outside_any_transaction(
    migrations: Migrations, scripts: Scripts, database_url: str
) -> None:
    scripts.add("0002", f'op.execute("""{HOLDERS}""")', after="0001")
    scripts.add(
        "0003", 'op.execute("CREATE TABLE held AS SELECT state FROM holders")', after="0002"
    )
    migrations.upgrade()

    assert value(database_url, "SELECT string_agg(state, ' ') FROM held") == "idle"


def test_a_migration_whose_lock_was_lost_is_taken_back(
    migrations: Migrations, scripts: Scripts, database_url: str
) -> None:
    end = "SELECT pg_terminate_backend(pid, 5000) FROM holders"
    scripts.add("0002", f'op.execute("""{HOLDERS}""")', after="0001")
    scripts.add("0003", f'op.create_table("lake")\nop.execute("{end}")', after="0002")

    with pytest.raises(MigrationError, match="lost"):
        migrations.upgrade()
    assert tables(database_url) == {"pond"}
