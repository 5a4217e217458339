"""The commands that take the place of the tutorial's, with its `.env`, and the responses."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from staged import KEY, StagedAccount, client_of, make_account

import todo
from tests.docs.matching import matches
from tests.docs.tutorial import DOTENV, FIELDS, MAP, REQUESTS
from tests.staging.patience import SECONDS, until
from tests.staging.ports import reserve_port
from todo.main import create_app
from todo.settings import Settings
from wellhead import Database, DatabaseSettings, SettingsError
from wellhead.migrations import Migrations
from wellhead.testing.proxy import TCPProxy

MIGRATIONS = Path(todo.__file__).parent / "migrations"
PROGRAMS = Path(sys.executable).parent

COMMANDS = {
    "wellhead wait": "accepts connections",
    "todo migrate": "The schema is up to date",
    "todo cleanup --completed-before 30d": "Deleted 0 completed tasks",
    "wellhead pool-size --max-connections 100 --replicas 3 --workers 4": "DATABASE_POOL_SIZE=6",
    "wellhead migrate down base": "0001",
    "wellhead migrate up": "0001",
    "uvicorn --factory todo.main:create_app": "",
    "todo serve": "",
}
"""The map's commands, in an order in which they can be run, and what each says."""

SERVERS = {command for command in COMMANDS if command.startswith(("uvicorn", "todo serve"))}

BODIES = {"tasks": {"title": "Buy bread"}, "tags": {"name": "home"}}


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Path:
    """A directory with the tutorial's `.env`, whose URL is that of a database."""
    url = database_url.replace("postgresql://", "postgresql+asyncpg://")
    (tmp_path / ".env").write_text(DOTENV.format(url=url))
    (tmp_path / "alembic.ini").write_text(f"[alembic]\nscript_location = {MIGRATIONS}\n")
    return tmp_path


def typed(command: str, *more: str) -> list[str]:
    """A command of this environment."""
    program, *arguments = command.split()
    return [str(PROGRAMS / program), *arguments, *more]


def run(
    command: str, directory: Path, *more: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        typed(command, *more),
        cwd=directory,
        env={**os.environ, "COLUMNS": "200", **variables},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@contextmanager
def serving(command: str, directory: Path, **variables: str) -> Iterator[str]:
    """A command that serves, until the block ends; yields its address."""
    port = str(reserve_port())
    more = ["--port", port] if command.startswith("uvicorn") else []
    process = subprocess.Popen(
        typed(command, *more),
        cwd=directory,
        env={**os.environ, "PORT": port, "DRAIN_SECONDS": "0", **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield f"http://127.0.0.1:{port}"
        os.killpg(process.pid, signal.SIGINT)
        _, log = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, log
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


async def response_of(url: str) -> httpx2.Response:
    """The first response of a server that may just be starting."""
    found: list[httpx2.Response] = []
    async with AsyncClient(timeout=SECONDS) as asking:

        async def is_up() -> bool:
            try:
                found.append(await asking.get(url))
            except httpx2.TransportError:
                return False
            return True

        await until(is_up)
    return found[0]


@pytest.mark.slow
def test_the_commands_of_the_map_do_what_they_say(desk: Path) -> None:
    for command, said in COMMANDS.items():
        if command in SERVERS:
            continue
        done = run(command, desk)

        assert done.returncode == 0, (command, done.stderr)
        assert said in done.stdout + done.stderr, command


@pytest.mark.slow
@pytest.mark.usefixtures("migrations")
@pytest.mark.parametrize("command", sorted(SERVERS))
async def test_the_todo_api_serves_with_the_tutorials_own_settings(
    command: str, desk: Path
) -> None:
    with serving(command, desk, **FIELDS) as address:
        health = await response_of(f"{address}/health")
        database = await response_of(f"{address}/health/db")

    assert health.json() == {"status": "alive", "app": "Todo API", "version": "1.0.0"}
    assert database.json()["status"] == "healthy"


def test_the_tutorials_login_of_seven_days_is_refused_with_the_name_that_it_has_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", "10080")

    with pytest.raises(SettingsError, match="set JWT_REFRESH_TOKEN_EXPIRE_MINUTES=10080 in its"):
        Settings()


def test_the_dotenv_file_of_the_tutorial_is_read_without_its_comments(desk: Path) -> None:
    del desk  # The tests run in there.
    settings = DatabaseSettings()
    figures = (settings.pool_size, settings.max_overflow, settings.pool_timeout)

    assert not settings.echo
    assert (*figures, settings.pool_recycle) == (10, 20, 30, 3600)


def settings_of_tests() -> Settings:
    return Settings(
        jwt_secret_key=KEY, argon2_time_cost=1, argon2_memory_kib=7 * 1024, argon2_parallelism=1
    )


@pytest.fixture
def migrations(database_url: str) -> Migrations:
    migrations = Migrations(MIGRATIONS, settings=DatabaseSettings(url=database_url))
    migrations.upgrade()
    return migrations


@pytest.fixture
async def app(proxied_url: str, migrations: Migrations) -> AsyncIterator[FastAPI]:
    # A request waits for so long where the database is down.
    settings = DatabaseSettings(url=proxied_url, connect_timeout=5, pool_timeout=6)
    app = create_app(settings_of_tests(), Database(settings, migrations=migrations))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def account(client: AsyncClient) -> StagedAccount:
    return await make_account(client)


async def test_every_response_is_what_the_map_says(
    client: AsyncClient, account: StagedAccount, proxy: TCPProxy
) -> None:
    said = {row["Request"]: row["Here"] for row in MAP.rows() if "Request" in row}
    for request in REQUESTS:
        target, _, circumstance = request.partition(", ")
        method, path = target.format(user_id=account.id).split()
        body = BODIES.get(path.strip("/").rpartition("/")[2]) if method == "POST" else None
        if circumstance == "the database down":
            await proxy.refuse()
            await proxy.cut()
        for _ in range(2 if circumstance == "again" else 1):
            response = await client.request(method, path, json=body, headers=account.headers)

        status, expected = said[request].split(" ", 1)
        assert response.status_code == int(status), (request, response.text)
        assert matches(expected, response.text), (request, response.text)
