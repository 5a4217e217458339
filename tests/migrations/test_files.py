"""The newest revision, as the files say it by themselves."""

import subprocess
import sys

import psycopg
import pytest

from tests.staging.scripts import Scripts
from wellhead.migrations import Migrations
from wellhead.migrations.files import head_of

SAYS_WHAT_IS_LOADED = """
import sys
from pathlib import Path
from wellhead import DatabaseSettings
from wellhead.migrations import Migrations
state = Migrations(Path(sys.argv[1]), settings=DatabaseSettings()).state()
print(state.position, "alembic" in sys.modules)
"""


def test_the_last_of_those_that_follow_one_another_is_the_head(scripts: Scripts) -> None:
    scripts.add("0002", "...", after="0001")

    assert head_of(scripts.directory) == "0002"


def test_it_may_be_written_with_types_and_beside_other_files(scripts: Scripts) -> None:
    versions = scripts.directory / "versions"
    (versions / "__init__.py").write_text("")
    (versions / "note.txt").write_text("revision = 7")
    (versions / "b.py").write_text('revision: str = "b"\ndown_revision: str | None = "0001"\n')

    assert head_of(scripts.directory) == "b"


@pytest.mark.parametrize(
    "text",
    [
        'revision = "b"\ndown_revision = None',
        'revision = "b"\ndown_revision = "a"',
        'revision = "0001"\ndown_revision = "0001"',
        'revision = "b"\ndown_revision = ("0001", "a")',
        'revision = "b"\ndown_revision = "0001"\ndepends_on = "a"',
        'revision = "b"\ndown_revision = "0001"\nif True:\n    revision = "c"',
        'revision = "b"\ndown_revision = "0001"\ndel down_revision',
        'revision = "b"\ndown_revision = "0001"\nrevision = "c"',
        'down_revision = "0001"',
        'revision = "b" + "c"\ndown_revision = "0001"',
        "revision = 2\ndown_revision = '0001'",
        "x = 1",
        "revision =",
    ],
)
def test_what_is_not_plain_to_see_is_left_to_alembic(scripts: Scripts, text: str) -> None:
    (scripts.directory / "versions" / "b.py").write_text(text)

    assert head_of(scripts.directory) is None


def test_two_branches_have_no_head(scripts: Scripts) -> None:
    scripts.add("0002", "...", after="0001")
    scripts.add("0002b", "...", after="0001")

    assert head_of(scripts.directory) is None


def test_a_circle_has_no_head(scripts: Scripts) -> None:
    scripts.add("b", "...", after="c")
    scripts.add("c", "...", after="b")

    assert head_of(scripts.directory) is None


def test_no_migrations_have_no_head(scripts: Scripts) -> None:
    (scripts.directory / "versions" / "0001.py").unlink()

    assert head_of(scripts.directory) is None


@pytest.mark.parametrize(("revision", "said"), [("0001", "at_head False"), ("9", "ahead True")])
def test_a_schema_at_head_needs_no_alembic(
    revision: str, said: str, scripts: Scripts, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES (%s)", [revision])
    monkeypatch.setenv("DATABASE_URL", database_url)

    done = subprocess.run(
        [sys.executable, "-c", SAYS_WHAT_IS_LOADED, str(scripts.directory)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == said


def test_alembic_agrees(migrations: Migrations, scripts: Scripts) -> None:
    scripts.add("0002", "...", after="0001")
    migrations.upgrade()

    assert migrations.state().head == head_of(scripts.directory) == "0002"
