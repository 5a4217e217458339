"""Pools on a real server: the driver's, and SQLAlchemy's engine with ours."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Literal

import asyncpg
import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tests.staging.patience import until
from wellhead import AsyncPool, DriverPool, PoolPolicy

Connection = Any
MakePool = Callable[..., "DriverPool[Connection]"]
MakeEngine = Callable[..., AsyncEngine]
Driver = Literal["asyncpg", "psycopg"]


@pytest.fixture(params=["asyncpg", "psycopg"])
def driver(request: pytest.FixtureRequest) -> Driver:
    name: Driver = request.param
    return name


def connector(driver: Driver, url: str, name: str = "test") -> Callable[[], Awaitable[Any]]:
    """A function that connects, under a name that the server shows."""
    if driver == "asyncpg":
        return lambda: asyncpg.connect(url, server_settings={"application_name": name})
    return lambda: psycopg.AsyncConnection.connect(url, autocommit=True, application_name=name)


async def ask(connection: Any, statement: str = "SELECT 1") -> Any:
    """The one value of a statement, on a connection of either driver."""
    if isinstance(connection, asyncpg.Connection):
        return await connection.fetchval(statement)
    row = await (await connection.execute(statement)).fetchone()
    return row and row[0]


async def server_has(url: str, name: str, at_most: int) -> None:
    """Return once the server has no more connections of that name; its closing takes a moment."""
    admin = await asyncpg.connect(url)
    try:
        await until(
            lambda: admin.fetchval(
                "SELECT count(*) <= $2 FROM pg_stat_activity WHERE application_name = $1",
                name,
                at_most,
            )
        )
    finally:
        await admin.close()


@pytest.fixture
async def make_pool(proxied_url: str) -> AsyncIterator[MakePool]:
    """Makes pools of asyncpg's connections to this test's database, through the proxy."""
    async with AsyncExitStack() as stack:

        def make(**knobs: Any) -> DriverPool[Connection]:
            connect = knobs.pop("connect", lambda: asyncpg.connect(proxied_url))
            name = knobs.pop("name", "test")
            pool = DriverPool(connect, PoolPolicy(**knobs), name=name, reset=False)
            stack.push_async_callback(pool.close)
            return pool

        yield make


@pytest.fixture
async def make_engine(proxied_url: str) -> AsyncIterator[MakeEngine]:
    """Makes engines with our pool, without the rest of Wellhead."""
    async with AsyncExitStack() as stack:

        def make(**knobs: Any) -> AsyncEngine:
            url = proxied_url.replace("postgresql://", "postgresql+asyncpg://")
            engine = create_async_engine(url, poolclass=AsyncPool, **knobs)
            stack.push_async_callback(engine.dispose)
            return engine

        yield make
