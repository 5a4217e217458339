"""The migration container: once, waiting for the database, and before another command."""

import secrets
import subprocess
from collections.abc import Iterator

import pytest

from deploy.tests.engine import Compose, docker, inspect, until

VERSION = "SELECT xmin, version_num FROM alembic_version"


@pytest.fixture
def empty_database(stack: Compose) -> Iterator[str]:
    """The name of an empty database next to the application's own."""
    name = f"empty_{secrets.token_hex(3)}"
    stack.sql(f"CREATE DATABASE {name}")
    yield name
    stack.sql(f"DROP DATABASE {name} WITH (FORCE)")


def direct_url(stack: Compose, database: str) -> str:
    """The URL of a database past the pooler."""
    password = stack.inside("db", "cat", "/run/secrets/postgres_password").strip()
    return f"postgresql://todo:{password}@db:5432/{database}"


def migrate(
    stack: Compose, *command: str, url: str | None = None, wait: int = 60
) -> subprocess.CompletedProcess[str]:
    """Run the migration container to its end, on the application's database or another one."""
    variables = ["--env", f"MIGRATE_WAIT_SECONDS={wait}"]
    if url is not None:
        variables += ["--env", "DATABASE_URL_FILE=", "--env", f"DATABASE_URL={url}"]
    return stack(
        "run", "--rm", "--no-TTY", "--no-deps", *variables, "migrate", *command, check=False
    )


def test_the_second_migration_changes_nothing(stack: Compose) -> None:
    before = stack.sql(VERSION)
    done = migrate(stack)

    assert done.returncode == 0, done.stderr
    assert "applied 0001" not in done.stdout + done.stderr
    assert stack.sql(VERSION) == before != ""


def test_of_several_at_once_one_migrates_and_all_succeed(
    stack: Compose, empty_database: str
) -> None:
    url = direct_url(stack, empty_database)
    names = [f"{stack.project}-race-{number}" for number in range(4)]
    for name in names:
        stack(
            "run", "--detach", "--no-deps", "--name", name,
            "--env", "DATABASE_URL_FILE=", "--env", f"DATABASE_URL={url}", "migrate",
        )  # fmt: skip
    codes = [docker("wait", name).stdout.strip() for name in names]
    logs = [docker("logs", name) for name in names]
    docker("rm", *names)

    assert codes == ["0"] * len(names)
    assert sum("applied 0001" in log.stdout + log.stderr for log in logs) == 1


def test_it_waits_for_a_database_that_is_not_up_yet(stack: Compose) -> None:
    name = f"{stack.project}-waits"
    stack("stop", "db")
    try:
        stack("run", "--detach", "--no-deps", "--name", name, "migrate")
        until(lambda: "waiting" in "".join(docker("logs", name).stderr).lower(), "it waits")
    finally:
        stack("start", "db")
    code = docker("wait", name).stdout.strip()
    docker("rm", name)

    assert code == "0"


def test_a_database_that_never_answers_ends_it_with_a_reason(stack: Compose) -> None:
    done = migrate(stack, "echo", "served", url="postgresql://todo:w0rd@db:5499/todo", wait=2)

    assert done.returncode != 0
    assert "db:5499" in done.stderr
    assert "Traceback" not in done.stderr
    assert "w0rd" not in done.stderr + done.stdout
    assert "served" not in done.stdout


def test_afterwards_it_becomes_the_command_that_it_was_given(stack: Compose) -> None:
    done = migrate(stack, "sh", "-c", "echo served by $$ under $PPID")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("served by ")


def test_ctrl_c_ends_it_while_it_waits(stack: Compose) -> None:
    name = f"{stack.project}-stopped"
    stack(
        "run", "--detach", "--no-deps", "--name", name, "--env", "DATABASE_URL_FILE=",
        "--env", "DATABASE_URL=postgresql://todo:w0rd@db:5499/todo", "migrate",
    )  # fmt: skip
    until(lambda: bool(docker("logs", name).stderr), "it waits")
    docker("stop", "--time", "60", name)
    state = inspect(name)["State"]
    docker("rm", name)

    assert state["ExitCode"] not in {0, 137}
