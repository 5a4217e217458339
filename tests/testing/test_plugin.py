"""The plugin as a project of its own has it: each test here writes one and runs pytest there."""

import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.staging.databases import Databases
from tests.staging.given import Postgres
from wellhead.testing.proxy import TCPProxy

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

SHOP = """
from fastapi import FastAPI
from sqlmodel import Field, SQLModel

from wellhead import Database
from wellhead.fastapi import ReaderDep, SessionDep, install, lifespan

class Item(SQLModel, table=True):
    code: str = Field(primary_key=True)

database = Database()
app = FastAPI(lifespan=lifespan(database))
install(app, database)

@app.put("/items/{code}", status_code=201)
async def add(code: str, session: SessionDep) -> None:
    session.add(Item(code=code))

@app.get("/items/{code}")
async def read(code: str, reader: ReaderDep) -> bool:
    return await reader.get(Item, code) is not None
"""

CONFTEST = """
import pytest
from sqlmodel import SQLModel
from shop import database as shop_database

@pytest.fixture(scope="session")
def wellhead_schema():
    return SQLModel.metadata

@pytest.fixture
def wellhead_database():
    return shop_database
"""

SYNC = """
import pytest
from fastapi.testclient import TestClient
from shop import app

@pytest.fixture
def client(database):
    with TestClient(app) as client:
        yield client

@pytest.mark.parametrize("turn", [1, 2])
def test_through_the_lifespan(client, turn):
    assert client.get("/items/lamp").json() is False
    assert client.put("/items/lamp").status_code == 201
    assert client.get("/items/lamp").json() is True

@pytest.mark.parametrize("turn", [1, 2])
def test_without_the_lifespan(database, turn):
    client = TestClient(app)
    assert client.put("/items/lamp").status_code == 201
    assert client.get("/items/lamp").json() is True
"""

ASYNC = """
import httpx2, pytest
from shop import Item, app

@pytest.fixture
def client(database):
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test")

@pytest.mark.{mark}
@pytest.mark.parametrize("turn", [1, 2])
async def test_without_the_lifespan(client, database, turn):
    async with database.session() as session:
        session.add(Item(code="rug"))
    assert (await client.get("/items/rug")).json() is True
    assert (await client.put("/items/lamp")).status_code == 201
    assert (await client.get("/items/lamp")).json() is True

@pytest.mark.{mark}
async def test_with_the_lifespan(client):
    async with app.router.lifespan_context(app):
        assert (await client.put("/items/lamp")).status_code == 201

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""

ENV = """
from sqlmodel import SQLModel
from wellhead.migrations import run_env
run_env(SQLModel.metadata)
"""

REVISION = """
from alembic import op
revision, down_revision = "1", None

def upgrade():
    op.execute("CREATE TABLE item (code text PRIMARY KEY)")
    op.execute("INSERT INTO item VALUES ('seed')")
"""

SETTINGS = """
[pytest]
addopts = -p wellhead.testing
asyncio_default_fixture_loop_scope = function
filterwarnings = error
pythonpath = .
"""


class Project:
    """A project with tests, in a directory of its own."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self._directory = directory
        self._environment = environment
        self.write("shop.py", SHOP)
        self.write("conftest.py", CONFTEST)
        self.write("pytest.ini", SETTINGS)

    def write(self, name: str, text: str) -> None:
        (self._directory / name).write_text(text, encoding="utf-8")

    async def run(self, *arguments: str, **environment: str) -> str:
        """Run its tests; returns the last line, or all where something failed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments,
            cwd=self._directory,
            env={**self._environment, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        text = said.decode()
        return text.strip().splitlines()[-1] if process.returncode == 0 else text


@pytest.fixture
def project(tmp_path: Path, postgres: Postgres) -> Project:
    directory = tmp_path / "project"
    directory.mkdir()
    environment = {
        **os.environ, "TEST_DATABASE_URL": postgres.url, "PYTHONPATH": str(ROOT / "src"),
    }  # fmt: skip
    return Project(directory, environment)


async def names_of(postgres: Postgres) -> set[str]:
    connection = await asyncpg.connect(postgres.url)
    rows = await connection.fetch("SELECT datname FROM pg_database")
    await connection.close()
    return {row["datname"] for row in rows}


async def test_plain_asyncio_and_anyio_tests_run_side_by_side(project: Project) -> None:
    project.write("test_sync.py", SYNC)
    project.write("test_asyncio.py", ASYNC.format(mark="asyncio"))
    project.write("test_anyio.py", ASYNC.format(mark="anyio"))

    assert "10 passed" in await project.run("-p", "no:xdist")


async def test_four_workers_have_a_database_each_and_leave_none(
    project: Project, postgres: Postgres
) -> None:
    before = await names_of(postgres)
    project.write("test_sync.py", SYNC)
    project.write("test_asyncio.py", ASYNC.format(mark="asyncio"))
    project.write(
        "test_names.py",
        'def test_name(wellhead_url, worker_id):\n    assert f"_{worker_id}?" in wellhead_url\n',
    )

    assert "8 passed" in await project.run("-n", "4")
    assert await names_of(postgres) == before


async def test_a_database_of_dotenv_or_the_environment_is_never_reached(
    project: Project, proxy: TCPProxy, databases: Databases, tmp_path: Path
) -> None:
    precious = databases.create()
    url = precious.replace(f":{urlsplit(precious).port}/", f":{proxy.port}/")
    (tmp_path / "project" / ".env").write_text(
        f"DATABASE_URL={url}\nDATABASE_URL_DIRECT={url}\n", encoding="utf-8"
    )
    project.write("test_sync.py", SYNC)
    project.write("test_asyncio.py", ASYNC.format(mark="filterwarnings('error')"))
    project.write(
        "test_sabotage.py",
        "import asyncio, pytest\n"
        "from wellhead import ConnectError, Database, DatabaseSettings\n"
        "def test_without_the_fixture():\n"
        "    settings = DatabaseSettings(connect_retry_count=1)\n"
        "    with pytest.raises(ConnectError):\n"
        "        asyncio.run(Database(settings).open())\n",
    )

    where = {"DATABASE_URL": url, "DATABASE_URL_DIRECT": url}
    assert "8 passed" in await project.run("--asyncio-mode=auto", **where)
    assert proxy.connections == 0


async def test_without_a_server_the_run_starts_one(project: Project) -> None:
    project.write("test_sync.py", SYNC)

    assert "4 passed" in await project.run(TEST_DATABASE_URL="")


async def test_migrations_make_the_schema_and_seed_rows_come_back(
    project: Project, tmp_path: Path
) -> None:
    scripts = tmp_path / "project" / "migrations"
    (scripts / "versions").mkdir(parents=True)
    project.write("migrations/env.py", ENV)
    project.write("migrations/versions/1_item.py", REVISION)
    schema = f"__import__('pathlib').Path({str(scripts)!r})"
    project.write("conftest.py", CONFTEST.replace("SQLModel.metadata", schema))
    project.write(
        "test_seed.py",
        """
import pytest
from fastapi.testclient import TestClient
from shop import app
from sqlalchemy import text

@pytest.mark.wellhead(commit=True)
@pytest.mark.asyncio
@pytest.mark.parametrize("turn", [1, 2])
async def test_seed(database, turn):
    async with database.session() as session:
        found = await session.exec(text("DELETE FROM item RETURNING code"))
        assert found.scalars().all() == ["seed"]

@pytest.mark.asyncio
async def test_after(database):
    async with database.reader() as reader:
        assert (await reader.exec(text("SELECT code FROM item"))).scalars().all() == ["seed"]
""",
    )

    assert "3 passed" in await project.run()
