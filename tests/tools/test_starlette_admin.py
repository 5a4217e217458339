"""starlette-admin, given the engine when the program starts."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, select

from tests.staging.patience import until
from tests.staging.server import serve
from tests.staging.tools import tool
from wellhead import Database, DatabaseSettings
from wellhead.fastapi import install, lifespan

sqla = tool("starlette_admin.contrib.sqla")


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Quay(Table, table=True):
    """A row that an administrator changes."""

    id: int | None = Field(default=None, primary_key=True)
    name: str


@pytest.fixture
def database(either_url: str) -> Database:
    return Database(DatabaseSettings(url=either_url, pool_size=1, max_overflow=0))


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    admin = sqla.Admin(database.engine, secret_key="any" * 20)
    admin.add_view(sqla.ModelView(Quay))
    admin.mount_to(app)
    async with (
        serve(app) as base,
        httpx2.AsyncClient(base_url=f"{base}/admin", follow_redirects=True) as client,
    ):
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
        yield client
        await until(lambda: database.stats().checked_out == 0)


async def test_rows_are_created_and_listed(client: httpx2.AsyncClient, database: Database) -> None:
    form = await client.get("/quay/create")
    token = client.cookies["starlette_admin_csrftoken"]
    created = await client.post(
        "/quay/create", data={"name": "west"}, headers={"X-CSRFToken": token}
    )

    assert (form.status_code, created.status_code) == (200, 200)
    async with database.reader() as reader:
        assert (await reader.exec(select(Quay.name))).all() == ["west"]
    assert (await client.get("/quay/list")).status_code == 200
