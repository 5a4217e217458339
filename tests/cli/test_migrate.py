"""`wellhead migrate`: what it prints, and its exit codes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from tests.staging.scripts import NO_POND, POND, Scripts, guest, tables, value
from wellhead.cli.app import app
from wellhead.cli.exits import ExitCode

Migrate = Callable[..., Result]


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    scripts = Scripts(tmp_path / "scripts")
    scripts.add("0001", POND, NO_POND, title="Dig a pond")
    return scripts


@pytest.fixture
def migrate(scripts: Scripts, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Migrate:
    """Run a subcommand on those scripts and an empty database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DATABASE_MIGRATION_TIMEOUT", "1")

    def run(command: str, *arguments: str) -> Result:
        where = ["--scripts", str(scripts.directory)]
        return CliRunner().invoke(app, ["migrate", command, *where, *arguments])

    return run


def test_up_says_what_it_applied_and_then_that_nothing_is_left(migrate: Migrate) -> None:
    first, second = migrate("up"), migrate("up")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout.startswith("applied 0001 (Dig a pond.) in ")
    assert second.stdout == "Nothing to do.\n"


def test_up_goes_as_far_as_it_is_told(migrate: Migrate, scripts: Scripts) -> None:
    scripts.add("0002", "...", after="0001")
    migrate("up", "0001")

    assert migrate("status").exit_code == 4


def test_down_takes_back_one_migration(migrate: Migrate, database_url: str) -> None:
    migrate("up")
    done = migrate("down", "-1")

    assert done.exit_code == 0
    assert done.stdout.startswith("took back 0001 (Dig a pond.) in ")
    assert tables(database_url) == set()


def test_down_needs_to_be_told_where_to(migrate: Migrate) -> None:
    assert migrate("down").exit_code == 2


def test_down_refuses_a_database_elsewhere_until_it_is_named(
    migrate: Migrate, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate("up")
    monkeypatch.setenv("DATABASE_URL", database_url.replace("127.0.0.1", "0.0.0.0"))  # noqa: S104 - leads here, looks remote
    refused = migrate("down", "base")
    named = migrate("down", "base", "--database", database_url.rpartition("/")[2])

    assert (refused.exit_code, named.exit_code) == (1, 0)
    assert "is not on this machine" in refused.stderr


def test_status_tells_people_and_scripts(migrate: Migrate) -> None:
    behind = migrate("status")
    migrate("up")
    at_head = migrate("status")

    assert (behind.exit_code, at_head.exit_code) == (4, 0)
    assert behind.stdout == (
        "The schema is behind: the database is at nothing; not applied: 0001.\n"
        "  missing 0001 (Dig a pond.)\n"
    )
    assert at_head.stdout == "The schema is at head: 0001.\n"


def test_check_compares_the_models_with_the_schema(migrate: Migrate, database_url: str) -> None:
    behind = migrate("check")
    migrate("up")
    equal = migrate("check")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE pond ADD COLUMN weed text")
    differs = migrate("check")

    assert [behind.exit_code, equal.exit_code, differs.exit_code] == [4, 0, 4]
    assert equal.stdout.startswith("The models equal the schema: tables, columns, ")
    assert "Not compared: collations, " in equal.stdout
    assert "op.drop_column('pond', 'weed')" in differs.stdout


def test_new_writes_what_differs_and_nothing_where_nothing_does(
    migrate: Migrate, database_url: str
) -> None:
    migrate("up")
    nothing = migrate("new", "weed it")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE pond ADD COLUMN weed text")
    written = migrate("new", "weed it")

    assert (nothing.exit_code, written.exit_code) == (0, 0)
    assert "nothing to write" in nothing.stdout
    assert "0002_weed_it.py" in written.stdout


def test_sql_is_printed_without_a_database(
    migrate: Migrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL")
    up, down = migrate("sql"), migrate("sql", "--down", "0001:base")

    assert (up.exit_code, down.exit_code) == (0, 0)
    assert "CREATE TABLE pond" in up.stdout
    assert "DROP TABLE pond" in down.stdout


@pytest.mark.slow
def test_a_migration_that_had_to_wait_for_too_long_may_be_tried_later(
    migrate: Migrate, scripts: Scripts, database_url: str
) -> None:
    migrate("up")
    scripts.add("0002", 'op.drop_table("pond")', after="0001")
    with psycopg.connect(database_url) as user:
        user.execute("SELECT * FROM pond")
        done = migrate("up")

    assert done.exit_code == 3
    assert done.stderr.startswith("wellhead: Migration 0002")


def test_a_failure_is_a_sentence(migrate: Migrate, scripts: Scripts) -> None:
    scripts.add("0002", "op.execute('SELECT 1 / 0')", after="0001")
    done = migrate("up")

    assert done.exit_code == 1
    assert done.stderr.startswith("wellhead: Migration 0002 (Step 0002.) failed: division by zero")
    assert "Traceback" not in done.output


@pytest.mark.slow
def test_the_statements_of_echo_are_written_once_and_not_between_the_results(
    scripts: Scripts, database_url: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wellhead", "migrate", "up", "--scripts", str(scripts.directory)],
        env={**os.environ, "DATABASE_URL": database_url, "DATABASE_ECHO": "true"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("applied 0001")
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr.count("CREATE TABLE pond") == 1


def test_without_an_url_nothing_can_be_migrated(
    migrate: Migrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL")
    done = migrate("up")

    assert done.exit_code == 1
    assert done.stderr.startswith("wellhead: DATABASE_URL is not set.")


def test_what_the_server_forbids_is_a_sentence_without_the_statement(
    migrate: Migrate, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate("up")
    with guest(database_url, "secret") as url:
        monkeypatch.setenv("DATABASE_URL", url)
        done = migrate("status")

    assert done.exit_code == 1
    assert done.stderr == (
        "wellhead: The state of the schema cannot be read: permission denied for table "
        "alembic_version (SQLSTATE 42501).\n"
        "The user of the database URL needs SELECT on alembic_version.\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "ctrl_c"),
    [
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.default_int_handler),
        # As a shell starts what runs in its background.
        (signal.SIGTERM, signal.SIG_IGN),
    ],
)
def test_a_migration_that_is_interrupted_is_taken_back_and_goes_on_nowhere(
    scripts: Scripts, database_url: str, how: signal.Signals, ctrl_c: Any
) -> None:
    scripts.add(
        "0002",
        "op.execute('CREATE TABLE lake ()')\nop.execute('SELECT pg_sleep(600)')",
        after="0001",
    )
    command = [sys.executable, "-m", "wellhead", "migrate", "up", "--scripts"]
    sleeping = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND state = 'active' AND pid <> pg_backend_pid()"
    )
    before = signal.signal(signal.SIGINT, ctrl_c)
    migrating = subprocess.Popen(
        [*command, str(scripts.directory)],
        env={**os.environ, "DATABASE_URL": database_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    while not value(database_url, f"{sleeping} AND query LIKE '%pg_sleep%'"):
        assert migrating.poll() is None
    migrating.send_signal(how)
    output, _ = migrating.communicate()

    assert migrating.returncode == ExitCode.INTERRUPTED
    assert output.startswith("applied 0001")
    assert output.count("\n") == 1
    assert value(database_url, sleeping) == 0
    assert tables(database_url) == {"pond"}
