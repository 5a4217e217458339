"""What the pages say of the usual way, counted: SQLAlchemy and asyncpg without Wellhead."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import NullPool, literal, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.pool import QueuePool
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead.testing.proxy import TCPProxy


@asynccontextmanager
async def engine_of(url: str, **arguments: Any) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), **arguments)
    try:
        yield engine
    finally:
        await engine.dispose()


async def round_trips_of_a_request(url: str, proxy: TCPProxy, **arguments: Any) -> int:
    """What one statement in a session with a commit costs, once everything is warm."""
    async with engine_of(url, **arguments) as engine:
        for _ in range(5):
            proxy.reset()
            async with AsyncSession(engine, expire_on_commit=False) as session:
                await session.exec(select(literal(1)))
                await session.commit()
        return proxy.round_trips


async def test_a_request_costs_three_round_trips(proxied_url: str, proxy: TCPProxy) -> None:
    assert await round_trips_of_a_request(proxied_url, proxy) == 3


async def test_a_request_with_sqlalchemys_ping_costs_six(proxied_url: str, proxy: TCPProxy) -> None:
    assert await round_trips_of_a_request(proxied_url, proxy, pool_pre_ping=True) == 6


async def test_a_request_on_a_connection_of_its_own_costs_nine(
    proxied_url: str, proxy: TCPProxy
) -> None:
    assert await round_trips_of_a_request(proxied_url, proxy, poolclass=NullPool) == 9


def test_the_pool_that_is_often_shown_is_refused() -> None:
    with pytest.raises(ArgumentError, match="cannot be used with asyncio engine"):
        create_async_engine("postgresql+asyncpg://u:p@localhost/db", poolclass=QueuePool)


def test_a_session_maker_does_not_take_a_function_for_an_engine() -> None:
    make: Any = async_sessionmaker
    sessions = make(bind=lambda: None)

    with pytest.raises(ArgumentError, match="AsyncEngine expected"):
        sessions()


@pytest.mark.parametrize("parameter", ["sslmode=require", "channel_binding=require"])
async def test_a_parameter_that_neon_prints_breaks_the_first_connection(
    parameter: str, database_url: str
) -> None:
    async with engine_of(f"{database_url}?{parameter}") as engine:
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            await engine.connect()


async def test_a_server_that_is_down_is_no_operational_error(
    proxied_url: str, proxy: TCPProxy
) -> None:
    await proxy.refuse()
    async with engine_of(proxied_url) as engine:
        with pytest.raises(ConnectionRefusedError) as caught:
            await engine.connect()

    assert not isinstance(caught.value, OperationalError)


def test_a_pool_without_connections_has_no_size() -> None:
    engine = create_async_engine("postgresql+asyncpg://u:p@localhost/db", poolclass=NullPool)

    assert not hasattr(engine.pool, "size")


@pytest.mark.parametrize("driver", ["postgresql+asyncpg", "postgresql+psycopg"])
async def test_a_commit_after_a_failure_that_was_caught_loses_the_writes_without_a_word(
    database_url: str, driver: str
) -> None:
    engine = create_async_engine(make_url(database_url).set(drivername=driver))
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE note (id int)")
    async with engine.begin() as connection:
        await connection.exec_driver_sql("INSERT INTO note VALUES (1)")
        with pytest.raises(DBAPIError):
            await connection.exec_driver_sql("SELECT 1 / 0")
    async with engine.connect() as connection:
        rows = await connection.scalar(text("SELECT count(*) FROM note"))
    await engine.dispose()

    assert rows == 0
