"""`wellhead wait`: until the database accepts connections, and its exit codes."""

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from wellhead.cli.app import app
from wellhead.testing.proxy import TCPProxy

Wait = Callable[..., Result]


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Wait:
    def run(url: str, *arguments: str) -> Result:
        monkeypatch.setenv("DATABASE_URL", url)
        return CliRunner().invoke(app, ["wait", *arguments])

    return run


@pytest.mark.parametrize("driver", ["postgresql://", "postgresql+psycopg://"])
def test_a_database_that_is_there_is_not_waited_for(
    wait: Wait, database_url: str, driver: str
) -> None:
    done = wait(database_url.replace("postgresql://", driver))

    assert done.exit_code == 0
    assert done.stdout.startswith("The database accepts connections: ")
    assert ":***@" in done.stdout


def test_a_database_that_does_not_come_is_exit_code_3(wait: Wait) -> None:
    done = wait("postgresql://u:hush@127.0.0.1:1/shop", "--timeout", "1")

    assert done.exit_code == 3
    assert "within 1 s. Could not connect to 127.0.0.1:1" in done.stderr
    assert "hush" not in done.output


@pytest.mark.parametrize("driver", ["postgresql://", "postgresql+psycopg://"])
def test_a_wrong_password_ends_the_wait_at_once(wait: Wait, database_url: str, driver: str) -> None:
    place = database_url.rpartition("@")[2]
    done = wait(f"{driver}wellhead:wrong@{place}", "--timeout", "86400")

    assert done.exit_code == 1
    assert "Check the user and the password" in done.stderr


def test_a_database_that_does_not_exist_ends_the_wait_at_once(
    wait: Wait, database_url: str
) -> None:
    done = wait(f"{database_url}_not", "--timeout", "86400")

    assert done.exit_code == 1
    assert "does not exist" in done.stderr


def test_the_server_itself_is_waited_for_past_its_pooler(
    wait: Wait, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL_DIRECT", database_url)
    name = database_url.rpartition("/")[2]
    done = wait(f"postgresql://u:p@127.0.0.1:1/{name}?pgbouncer=true", "--direct")

    assert done.exit_code == 0
    assert name in done.stdout


def test_a_timeout_that_is_no_number_is_a_wrong_command_line(wait: Wait) -> None:
    assert wait("postgresql://u:p@127.0.0.1:1/shop", "--timeout", "soon").exit_code == 2


@pytest.mark.slow
async def test_a_database_that_comes_later_is_waited_for(proxied_url: str, proxy: TCPProxy) -> None:
    await proxy.refuse()
    waiting = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wellhead", "wait", "--timeout", "60"),
        env={**os.environ, "DATABASE_URL": proxied_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    first_line = await _first_line(waiting.stderr)
    await proxy.accept()
    output, errors = await waiting.communicate()

    assert "waiting for the database: attempt 1 failed" in first_line
    assert waiting.returncode == 0, errors
    assert output.startswith(b"The database accepts connections")


async def _first_line(stream: Any) -> str:
    line: bytes = await stream.readline()
    return line.decode()
