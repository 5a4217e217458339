"""What `env.py` does: the direct connection, its limits, and the command `alembic` itself."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from tests.staging.scripts import Scripts, guest, tables, value
from wellhead import DatabaseSettings, MigrationError, UnreachableError, URLError
from wellhead.migrations import Applied, Migrations

POOLER = "postgresql://u:p@127.0.0.1:1/nowhere?pgbouncer=true"


def upgrade(scripts: Scripts, settings: DatabaseSettings) -> tuple[Applied, ...]:
    return Migrations(scripts.directory, settings=settings).upgrade()


def test_the_schema_goes_up_and_down(migrations: Migrations, database_url: str) -> None:
    done = migrations.upgrade()
    up = tables(database_url)
    undone = migrations.downgrade("base")
    down = tables(database_url)

    assert [(each.revision, each.title, each.is_upgrade) for each in (*done, *undone)] == [
        ("0001", "Dig a pond.", True),
        ("0001", "Dig a pond.", False),
    ]
    assert (up, down) == ({"pond"}, set())


def test_the_direct_url_is_the_one_that_is_migrated(scripts: Scripts, database_url: str) -> None:
    pooler = f"{POOLER.rpartition('/')[0]}/{database_url.rpartition('/')[2]}?pgbouncer=true"
    upgrade(scripts, DatabaseSettings(url=pooler, url_direct=database_url))

    assert tables(database_url) == {"pond"}


@pytest.mark.parametrize("direct", [None, POOLER])
def test_a_pooler_without_a_direct_url_is_refused(scripts: Scripts, direct: str | None) -> None:
    settings = DatabaseSettings(url=POOLER, url_direct=direct)

    with pytest.raises(URLError, match="DATABASE_URL_DIRECT"):
        upgrade(scripts, settings)


def test_sqlite_is_refused(scripts: Scripts) -> None:
    settings = DatabaseSettings(url="sqlite+aiosqlite:///:memory:")

    with pytest.raises(MigrationError, match="need PostgreSQL"):
        upgrade(scripts, settings)


def test_a_server_that_is_not_there_is_waited_for_as_when_opening(scripts: Scripts) -> None:
    settings = DatabaseSettings(
        url="postgresql://u:p@127.0.0.1:1/nowhere", connect_retry_count=2, connect_retry_delay=0
    )

    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"):
        upgrade(scripts, settings)


def test_a_limit_for_requests_does_not_cut_a_migration_short(
    scripts: Scripts, database_url: str
) -> None:
    scripts.add("0002", 'op.execute("SELECT pg_sleep(0.3)")', after="0001")
    settings = DatabaseSettings(url=database_url, command_timeout=0.1, statement_timeout=0.1)

    assert len(upgrade(scripts, settings)) == 2


def test_a_percent_sign_in_a_password_is_no_reference(scripts: Scripts, database_url: str) -> None:
    with guest(database_url, "50%25(here)s") as url:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("GRANT ALL ON SCHEMA public TO PUBLIC")
        done = upgrade(scripts, DatabaseSettings(url=url))

    assert len(done) == 1


def test_each_migration_is_committed_by_itself(
    migrations: Migrations, scripts: Scripts, database_url: str
) -> None:
    scripts.add("0002", 'op.execute("SELECT 1 / 0")', after="0001")

    with pytest.raises(MigrationError, match="0002"):
        migrations.upgrade()
    assert value(database_url, "SELECT version_num FROM alembic_version") == "0001"


def test_a_connection_that_is_brought_along_is_used(scripts: Scripts, database_url: str) -> None:
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    config = Config()
    config.set_main_option("script_location", str(scripts.directory).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = engine
    command.upgrade(config, "head")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    engine.dispose()

    assert tables(database_url) == set()


def alembic(scripts: Scripts, url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    home = scripts.directory.parent
    location = str(scripts.directory).replace("%", "%%")
    (home / "alembic.ini").write_text(
        f"[alembic]\nscript_location = {location}\npath_separator = os\n"
    )
    return subprocess.run(
        [Path(sys.executable).with_name("alembic"), *arguments],
        cwd=home,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_alembic_itself_migrates_and_says_what_it_did(scripts: Scripts, database_url: str) -> None:
    done = alembic(scripts, database_url, "upgrade", "head")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("applied 0001 (Dig a pond.) in ")
    assert tables(database_url) == {"pond"}


@pytest.mark.slow
def test_alembic_itself_reports_in_a_sentence(scripts: Scripts) -> None:
    done = alembic(scripts, POOLER, "upgrade", "head")

    assert done.returncode != 0
    assert "direct URL cannot be derived" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_alembic_itself_destroys_only_what_is_named(scripts: Scripts, database_url: str) -> None:
    elsewhere = database_url.replace("127.0.0.1", "0.0.0.0")  # noqa: S104 - leads here, looks remote
    name = database_url.rpartition("/")[2]
    alembic(scripts, elsewhere, "upgrade", "head")
    refused = alembic(scripts, elsewhere, "downgrade", "-1")
    left = tables(database_url)
    named = alembic(scripts, elsewhere, "-x", f"database={name}", "downgrade", "-1")

    assert refused.returncode != 0
    assert "is not on this machine" in refused.stdout + refused.stderr
    assert (left, tables(database_url)) == ({"pond"}, set())
    assert named.returncode == 0


async def test_in_a_running_event_loop_they_say_how_to_be_called(migrations: Migrations) -> None:
    with pytest.raises(MigrationError, match="to_thread"):
        migrations.upgrade()


def test_an_env_py_that_cannot_be_imported_is_named_with_its_place(
    migrations: Migrations, scripts: Scripts
) -> None:
    env = scripts.directory / "env.py"
    env.write_text("import no_such_project\n")

    with pytest.raises(MigrationError, match="no_such_project") as caught:
        migrations.upgrade()
    assert f"({env}, line 1)" in str(caught.value)


def test_what_the_server_forbids_before_the_first_migration_is_a_sentence(
    scripts: Scripts, database_url: str
) -> None:
    upgrade(scripts, DatabaseSettings(url=database_url))
    with guest(database_url, "secret") as url, pytest.raises(MigrationError) as caught:
        upgrade(scripts, DatabaseSettings(url=url))

    assert str(caught.value) == (
        "The migrations cannot be run: permission denied for table alembic_version "
        "(SQLSTATE 42501)."
    )
