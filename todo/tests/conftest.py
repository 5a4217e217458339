"""What the application's tests share: migrated databases, an application, clients and accounts."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from mail_server import MailServer, mail_server
from plans import fill
from staged import KEY, StagedAccount, add_account, running
from task_api import TaskAPI
from wire import Wire
from writes import Connection

import todo
from tests.staging.databases import Databases
from tests.staging.given import by_pooler, is_pooler_given
from tests.staging.server import serve
from todo.main import create_app
from todo.settings import Settings
from wellhead import Database, DatabaseSettings
from wellhead.migrations import Migrations
from wellhead.testing.proxy import TCPProxy

MIGRATIONS = Path(todo.__file__).parent / "migrations"

if os.environ.get("BROWSER") != "required":
    collect_ignore = ["browser"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let all tests here commit for real where they are to pass a pooler."""
    if is_pooler_given():
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.wellhead(commit=True))


@pytest.fixture(scope="session")
def wellhead_schema() -> Path:
    """The migrations make the schema."""
    return MIGRATIONS


@pytest.fixture(scope="session")
def filled_url(databases: Databases) -> Iterator[str]:
    """The URL of a database with 20 users, and for each 1,000 tasks and 100 tags; to be read."""
    url = databases.create()
    Migrations(MIGRATIONS, settings=DatabaseSettings(url=url)).upgrade()
    asyncio.run(fill(url))
    yield url
    databases.drop(url)


@pytest.fixture
async def server(wellhead_url: str) -> AsyncIterator[Connection]:
    """A connection past the application."""
    connection = await asyncpg.connect(wellhead_url)
    yield connection
    await connection.close()


@pytest.fixture
def settings() -> Settings:
    """Settings of a development set-up, with cheap hashes and limits that are not reached.

    Their window does not end while a test runs, since the counters would then start again.
    """
    return Settings(
        jwt_secret_key=KEY,
        argon2_time_cost=1,
        argon2_memory_kib=7 * 1024,
        argon2_parallelism=1,
        login_attempts_per_account="1000000 per day",
        login_attempts_per_address="1000000 per day",
        registrations_per_address="1000000 per day",
        resets_per_account="1000000 per day",
        resets_per_address="1000000 per day",
    )


@pytest.fixture
def wellhead_database(wellhead_url: str) -> Database:
    """The application's database, opened and closed with the application."""
    return Database(DatabaseSettings(url=wellhead_url, pool_size=5, max_overflow=5))


@pytest.fixture
def database(database: Database, wellhead_url: str) -> Iterator[Database]:
    """The same, through the pooler where one was given."""
    if not is_pooler_given():
        yield database
        return
    pooled = database.settings.model_copy(update={"url": by_pooler(wellhead_url)})
    with database.leading_to(pooled):
        yield database


@pytest.fixture
async def opened(database: Database) -> AsyncIterator[Database]:
    """The application's database without the application."""
    async with database:
        yield database


@pytest.fixture
def proxied_database(wellhead_url: str, proxy: TCPProxy) -> Database:
    """The application's database behind the network that counts and breaks, with one connection."""
    parts = urlsplit(wellhead_url)
    address = f"{parts.username}:{parts.password}@{proxy.host}:{proxy.port}"
    url = urlunsplit(parts._replace(netloc=address))
    return Database(DatabaseSettings(url=url, pool_size=1, max_overflow=0))


@pytest.fixture
def app(settings: Settings, database: Database) -> FastAPI:
    """The application; a test that overrides `settings` gets its own."""
    return create_app(settings, database)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """A client of the running application, without a network between them."""
    async with running(app) as client:
        yield client


@pytest.fixture
async def account(app: FastAPI, client: AsyncClient) -> StagedAccount:
    """A logged-in user."""
    del client  # It keeps the application running.
    return await add_account(app)


@pytest.fixture
async def other_account(app: FastAPI, client: AsyncClient) -> StagedAccount:
    """Another logged-in user."""
    del client
    return await add_account(app)


@pytest.fixture
async def wire(app: FastAPI, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Wire]:
    """Connections to a running server, which must be well and without an error at the end."""
    async with serve(app) as base_url, AsyncClient(base_url=base_url, verify=False) as client:
        account = await add_account(app)
        api = TaskAPI(client, account)
        task = await api.task(tags=["work"])
        root = f"/api/{account.id}"
        yield Wire(
            base_url,
            account,
            task=f"{root}/tasks/{task['id']}",
            tag=f"{root}/tags/{task['tags'][0]['id']}",
        )
        assert (await client.get("/health")).status_code == 200
    said = caplog.get_records("call")
    errors = [record for record in said if record.levelno >= logging.ERROR]
    assert not errors, errors


@pytest.fixture
def _loggers_are_put_back() -> Iterator[None]:
    names = (
        "uvicorn", "uvicorn.error", "uvicorn.access", "sqlalchemy.engine.Engine", "alembic",
        "watchfiles",
    )  # fmt: skip
    loggers = [logging.getLogger(), *map(logging.getLogger, names)]
    before = [(each, each.handlers[:], each.level, each.propagate) for each in loggers]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


@pytest.fixture
async def post_office() -> AsyncIterator[MailServer]:
    """A server that takes mails, without TLS."""
    async with mail_server() as server:
        yield server
