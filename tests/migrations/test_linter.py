"""The linter of `make check`: what it lets pass, and what not."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.staging.scripts import POND, Scripts
from wellhead.migrations import Migrations

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def lint(text: str, directory: Path) -> "subprocess.CompletedProcess[str]":
    (directory / "migrations.sql").write_text(text)
    squawk = Path(sys.executable).with_name("squawk")
    return subprocess.run(
        [squawk, "--config", ROOT / ".squawk.toml", directory / "migrations.sql"],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_migrations_of_the_application_are_safe(tmp_path: Path) -> None:
    scripts = ROOT / "todo" / "src" / "todo" / "migrations"
    done = lint(Migrations(scripts).sql(), tmp_path)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("up", "rule"),
    [
        ('op.create_index("ix_pond_id", "pond", ["id"])', "require-concurrent-index-creation"),
        ('op.drop_column("pond", "depth")', "ban-drop-column"),
        ('op.alter_column("pond", "depth", new_column_name="deep")', "renaming-column"),
        ('op.alter_column("pond", "id", type_=sa.BigInteger)', "changing-column-type"),
        (
            'op.add_column("pond", sa.Column("weed", sa.Text, nullable=False))',
            "adding-required-field",
        ),
        (
            'op.create_check_constraint("ck_pond_id", "pond", "id > 0")',
            "constraint-missing-not-valid",
        ),
    ],
)
def test_what_stops_or_breaks_a_running_application_is_refused(
    tmp_path: Path, up: str, rule: str
) -> None:
    scripts = Scripts(tmp_path / "scripts")
    scripts.add("0001", POND)
    scripts.add("0002", up, after="0001")
    done = lint(Migrations(scripts.directory).sql(), tmp_path)

    assert done.returncode == 1
    assert rule in done.stdout


def test_what_is_meant_is_let_pass_where_the_migration_says_so(tmp_path: Path) -> None:
    scripts = Scripts(tmp_path / "scripts")
    scripts.add("0001", POND)
    statement = "-- squawk-ignore ban-drop-column\nALTER TABLE pond DROP COLUMN depth"
    scripts.add("0002", f"op.execute({statement!r})", after="0001")
    done = lint(Migrations(scripts.directory).sql(), tmp_path)

    assert done.returncode == 0, done.stdout
