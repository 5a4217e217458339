"""`--use`: the application's own database object, with its hooks, on the command line."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from tests.staging.scripts import NO_POND, POND, Scripts, tables
from wellhead.cli.app import app

SHOP = """
from wellhead import Database, DatabaseSettings

async def token():
    return {password!r}

database = Database(DatabaseSettings(url={url!r}), credentials=token)
number = 7
"""


@pytest.fixture
def name(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where a database is that needs its hooks; the environment names another one."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@127.0.0.1:1/nowhere")
    password = urlsplit(database_url).password or ""
    without = database_url.replace(f":{password}@", "@")
    module = f"shop_{os.getpid()}_{tmp_path.name}".replace("[", "_").replace("]", "_")
    (tmp_path / f"{module}.py").write_text(SHOP.format(password=password, url=without))
    monkeypatch.syspath_prepend(str(tmp_path))
    return module


def test_a_database_with_hooks_is_waited_for(name: str) -> None:
    done = CliRunner().invoke(app, ["wait", "--use", f"{name}:database"])

    assert done.exit_code == 0, done.output


def test_a_database_with_hooks_is_migrated(name: str, tmp_path: Path, database_url: str) -> None:
    scripts = Scripts(tmp_path / "scripts")
    scripts.add("0001", POND, NO_POND)
    given = ["--scripts", str(scripts.directory), "--use", f"{name}:database"]
    up = CliRunner().invoke(app, ["migrate", "up", *given])
    status = CliRunner().invoke(app, ["migrate", "status", *given])

    assert (up.exit_code, status.exit_code) == (0, 0), up.output + status.output
    assert "pond" in tables(database_url)


@pytest.mark.parametrize("wrong", ["{}", "{}:nothing", "no_such_shop:database", "{}:number"])
def test_what_is_no_database_is_a_wrong_command_line(name: str, wrong: str) -> None:
    done = CliRunner().invoke(app, ["wait", "--use", wrong.format(name)])

    assert done.exit_code == 2
    assert "--use" in done.output


def test_two_ways_to_connect_are_a_wrong_command_line(name: str) -> None:
    given = ["--prefix", "ARCHIVE_DATABASE_", "wait", "--use", f"{name}:database"]
    done = CliRunner().invoke(app, given)

    assert done.exit_code == 2
    assert "--prefix" in done.output
