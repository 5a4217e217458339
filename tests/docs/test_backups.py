"""What takes a backup in a container, and restores it: its commands, run here."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import ROOT, page
from tests.docs.test_kubernetes import container_of
from tests.staging.databases import Databases

pytestmark = pytest.mark.slow

RESTORE = "docker compose run --rm backup "


def of_kubernetes() -> tuple[Sequence[str], Sequence[str]]:
    """The commands that take a backup and restore one."""
    return container_of("backup.yaml")["args"], container_of("restore.yaml")["args"]


def of_compose() -> tuple[Sequence[str], Sequence[str]]:
    """The same; the page shows the second one."""
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["backup"]
    lines = page("how-to/docker.md").text.splitlines()
    restore = next(line for line in lines if line.startswith(f"{RESTORE}todo"))
    # Compose takes two dollars for one.
    return [part.replace("$$", "$") for part in service["command"]], restore.split()[5:]


def call(
    command: Sequence[str], directory: Path, environment: Mapping[str, str], given: str = ""
) -> str:
    """Run a command as a container does; returns what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, "PATH": path, **environment},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("commands", [of_kubernetes(), of_compose()], ids=["kubernetes", "compose"])
def test_a_backup_is_taken_and_restored(
    commands: tuple[Sequence[str], Sequence[str]], tmp_path: Path, databases: Databases
) -> None:
    take, restore = commands
    used = {"DATABASE_URL": databases.create()}
    empty = {"DATABASE_URL": databases.create()}
    call(["todo", "migrate"], tmp_path, used)
    call(["todo", "user", "add", "ada@example.com"], tmp_path, used, "correct horse battery\n")
    kept, old = tmp_path / "todo-2026-01-02.backup", tmp_path / "todo-2026-01-01.backup"
    for file in (kept, old):
        file.touch()
    os.utime(old, (0, 0))

    call(take, tmp_path, used)

    [taken] = set(tmp_path.glob("todo-*.backup")) - {kept, old}
    assert kept.exists()
    # With Compose, cron deletes them.
    assert old.exists() is ("find" not in "".join(take))
    assert restore[-1].startswith("todo-")
    assert call([*restore[:-1], taken.name], tmp_path, empty).startswith("Restored ")
    assert "ada@example.com" in call(["todo", "user", "list"], tmp_path, empty)
    for each in (used, empty):
        databases.drop(each["DATABASE_URL"])


def test_a_backup_that_fails_deletes_nothing(tmp_path: Path, database_url: str) -> None:
    take, _ = of_kubernetes()
    old = tmp_path / "todo-2026-01-01.backup"
    old.touch()
    os.utime(old, (0, 0))

    with pytest.raises(AssertionError, match="There is nothing to back up"):
        call(take, tmp_path, {"DATABASE_URL": database_url})

    assert [path.name for path in tmp_path.iterdir()] == [old.name]
