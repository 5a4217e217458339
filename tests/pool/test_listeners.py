"""Listeners to SQLAlchemy's events that raise: whatever they do, the pool stays whole."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.pool.conftest import MakeEngine, server_has
from tests.staging.patience import until
from wellhead import AsyncPool, PoolStats, PoolTimeout

Use = Callable[[AsyncEngine], Awaitable[None]]


class Listener:
    """Raises until it is told not to."""

    def __init__(self, engine: AsyncEngine, name: str) -> None:
        self.is_angry = True
        event.listen(engine.sync_engine, name, self)

    def __call__(self, *_: object) -> None:
        if self.is_angry:
            raise ValueError("not today")


def stats_of(engine: AsyncEngine) -> PoolStats:
    pool = engine.sync_engine.pool
    assert isinstance(pool, AsyncPool)
    return pool.stats()


async def ask(engine: AsyncEngine) -> Any:
    async with engine.connect() as connection:
        return await connection.scalar(text("SELECT 1"))


@pytest.mark.parametrize("name", ["first_connect", "connect", "checkout"])
async def test_what_a_listener_raises_reaches_the_caller_and_costs_no_slot(
    name: str, make_engine: MakeEngine
) -> None:
    engine = make_engine(pool_size=1, max_overflow=0, pool_timeout=20)
    listener = Listener(engine, name)
    for _ in range(3):
        with pytest.raises(ValueError, match="not today"):
            await ask(engine)
    listener.is_angry = False

    assert await ask(engine) == 1
    assert stats_of(engine).total == 1


async def test_a_connection_whose_set_up_failed_is_not_left_open_at_the_server(
    make_engine: MakeEngine, database_url: str
) -> None:
    engine = make_engine(connect_args={"server_settings": {"application_name": "setup"}})
    Listener(engine, "connect")
    for _ in range(3):
        with pytest.raises(ValueError, match="not today"):
            await ask(engine)
    await server_has(database_url, "setup", 0)

    assert stats_of(engine).failed_connects == 3


async def test_a_set_up_that_hangs_is_cut_off_and_leaves_nothing_at_the_server(
    make_engine: MakeEngine, database_url: str
) -> None:
    engine = make_engine(
        connect_timeout=1,
        pool_timeout=2.5,
        connect_args={"server_settings": {"application_name": "hanging"}},
    )
    seen = []

    def hang(connection: Any, _: object) -> None:
        seen.append(connection)
        connection.run_async(lambda _: asyncio.sleep(60))

    event.listen(engine.sync_engine, "connect", hang)
    with pytest.raises(PoolTimeout):
        await ask(engine)
    await engine.dispose()
    await server_has(database_url, "hanging", 0)

    assert seen


async def test_a_reset_that_fails_costs_the_connection_and_not_its_slot(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(pool_size=1, max_overflow=0, pool_timeout=20)
    listener = Listener(engine, "reset")
    await ask(engine)
    listener.is_angry = False

    assert await ask(engine) == 1
    assert stats_of(engine).opened == 2


async def overflowed(engine: AsyncEngine) -> None:
    async with engine.connect(), engine.connect():
        pass


async def disposed(engine: AsyncEngine) -> None:
    await ask(engine)
    await engine.dispose()


async def lost(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        pid = await connection.scalar(text("SELECT pg_backend_pid()"))
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    admin = await asyncpg.connect(url)
    await admin.execute("SELECT pg_terminate_backend($1)", pid)
    await admin.close()
    await asyncio.sleep(0.05)
    await ask(engine)


@pytest.mark.parametrize("use", [overflowed, disposed, lost], ids=lambda use: use.__name__)
async def test_a_listener_to_the_close_cannot_keep_a_connection_open(
    use: Use,
    make_engine: MakeEngine,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    unhandled: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: unhandled.append(what))
    engine = make_engine(
        pool_size=1,
        max_overflow=1,
        pool_timeout=20,
        connect_args={"server_settings": {"application_name": "closing"}},
    )
    listener = Listener(engine, "close")
    with caplog.at_level(logging.ERROR, logger="sqlalchemy"):
        await use(engine)
        await until(lambda: not stats_of(engine).closing)
    await server_has(database_url, "closing", stats_of(engine).total)
    listener.is_angry = False

    assert await ask(engine) == 1
    assert "A listener for the closing of a connection failed" in caplog.messages
    assert unhandled == []
