"""The pool as SQLAlchemy knows pools: everything it documents, next to its own pool."""

import asyncio
import gc
import logging
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, Pool
from sqlalchemy.util.concurrency import greenlet_spawn

from tests.pool.conftest import MakeEngine
from tests.staging.patience import SECONDS, until
from wellhead import AsyncPool, PoolStats
from wellhead.testing.proxy import TCPProxy

EVENTS = (
    "first_connect", "connect", "checkout", "reset", "checkin", "invalidate", "soft_invalidate",
    "detach", "close", "close_detached",
)  # fmt: skip

Use = Callable[[AsyncEngine], Awaitable[None]]


def pool_of(engine: AsyncEngine) -> AsyncPool:
    pool = engine.sync_engine.pool
    assert isinstance(pool, AsyncPool)
    return pool


def stats_of(engine: AsyncEngine) -> PoolStats:
    return pool_of(engine).stats()


async def ask(engine: AsyncEngine, statement: str = "SELECT 1") -> Any:
    async with engine.connect() as connection:
        return await connection.scalar(text(statement))


async def twice(engine: AsyncEngine) -> None:
    await ask(engine)
    await ask(engine)


async def invalidated(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.invalidate()
    await ask(engine)


async def softly_invalidated(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        (await connection.get_raw_connection()).invalidate(soft=True)
        assert await connection.scalar(text("SELECT 1")) == 1
    await ask(engine)


async def detached(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        (await connection.get_raw_connection()).detach()
        assert await connection.scalar(text("SELECT 1")) == 1
    await ask(engine)


async def overflowing(engine: AsyncEngine) -> None:
    async with engine.connect(), engine.connect():
        pass
    await asyncio.sleep(0.05)


async def disposed(engine: AsyncEngine) -> None:
    await ask(engine)
    await engine.dispose()
    await ask(engine)


async def lost(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError):
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    await ask(engine)


async def events_of(use: Use, url: str, poolclass: type[Pool]) -> list[str]:
    engine = create_async_engine(url, poolclass=poolclass, pool_size=1)
    seen: list[str] = []
    for name in EVENTS:
        event.listen(engine.sync_engine, name, lambda *_, name=name: seen.append(name))
    await use(engine)
    seen_until_here = list(seen)
    await engine.dispose()
    return seen_until_here


@pytest.mark.parametrize(
    "use",
    [twice, invalidated, softly_invalidated, detached, overflowing, disposed, lost],
    ids=lambda use: use.__name__,
)
async def test_events_come_in_the_order_of_sqlalchemys_pool(use: Use, database_url: str) -> None:
    url = database_url.replace("postgresql://", "postgresql+asyncpg://")
    ours = await events_of(use, url, AsyncPool)
    theirs = await events_of(use, url, AsyncAdaptedQueuePool)

    assert ours == theirs
    assert "checkin" in ours


async def test_an_end_is_told_before_the_server_is_waited_for(
    proxied_url: str, proxy: TCPProxy
) -> None:
    url = proxied_url.replace("postgresql://", "postgresql+asyncpg://")
    engine, told = create_async_engine(url, poolclass=AsyncPool), asyncio.Event()
    event.listen(engine.sync_engine, "close", lambda *_: told.set())
    async with engine.connect() as connection:
        (await connection.get_raw_connection()).invalidate(soft=True)
        proxy.stall()
    await told.wait()
    closing = stats_of(engine).closing
    proxy.resume()
    await engine.dispose()

    assert closing == 1


@pytest.mark.parametrize(
    ("use", "reason"),
    [
        (invalidated, "invalidated"),
        (softly_invalidated, "invalidated"),
        (detached, "detached"),
        (lost, "invalidated"),
    ],
)
async def test_what_left_the_pool_leaves_its_slot_and_says_why(
    use: Use, reason: str, make_engine: MakeEngine
) -> None:
    engine = make_engine(pool_size=1, max_overflow=0)
    await use(engine)
    await until(lambda: not stats_of(engine).closing)
    stats = stats_of(engine)

    assert (stats.total, stats.idle, stats.opened) == (1, 1, 2)
    assert {why: count for why, count in stats.closed.items() if count} == {reason: 1}


@pytest.mark.parametrize(
    ("reset", "left"), [("rollback", 0), ("commit", 1), (None, 0)], ids=["rollback", "commit", "no"]
)
async def test_a_transaction_is_reset_on_return(
    reset: str | None, left: int, make_engine: MakeEngine
) -> None:
    engine = make_engine(pool_size=1, max_overflow=0, pool_reset_on_return=reset)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE note (id int)"))
    raw = await engine.raw_connection()

    def write() -> None:
        raw.cursor().execute("INSERT INTO note VALUES (1)")
        raw.close()

    await greenlet_spawn(write)
    if reset is None:
        await engine.dispose()
    count = await ask(engine, "SELECT count(*) FROM note")

    assert count == left


async def test_the_status_is_that_of_sqlalchemys_pool(database_url: str) -> None:
    url = database_url.replace("postgresql://", "postgresql+asyncpg://")
    said = []
    for poolclass in (AsyncPool, AsyncAdaptedQueuePool):
        engine = create_async_engine(url, poolclass=poolclass, pool_size=2, max_overflow=1)
        lines = [engine.pool.status()]
        async with engine.connect(), engine.connect(), engine.connect():
            lines.append(engine.pool.status())
        await asyncio.sleep(0.05)
        lines.append(engine.pool.status())
        await engine.dispose()
        said.append(lines)

    assert said[0] == said[1]


async def test_disposing_closes_what_is_free_and_the_rest_on_return(
    make_engine: MakeEngine, proxy: TCPProxy
) -> None:
    engine = make_engine()
    await ask(engine)
    async with engine.connect() as held:
        async with engine.connect() as other:
            await other.scalar(text("SELECT 1"))
        await engine.dispose()
        await asyncio.sleep(0.02)
        while_held = proxy.open_connections
        assert await held.scalar(text("SELECT 2")) == 2
    await asyncio.sleep(0.05)
    at_last = proxy.open_connections
    answer = await ask(engine)

    assert (while_held, at_last, answer) == (1, 0, 1)


async def test_a_new_pool_after_disposing_has_the_same_knobs(make_engine: MakeEngine) -> None:
    knobs = {"min_idle": 1, "max_waiting": 7, "check_after_idle": 3.0, "leak_threshold": 9.0}
    engine = make_engine(pool_size=3, pool_recycle=77, pool_pre_ping=True, name="shop", **knobs)
    before = pool_of(engine)
    await engine.dispose()
    after = pool_of(engine)

    assert after is not before
    assert (after.policy, after.name) == (before.policy, "shop")
    assert before.policy.recycle == 77


async def test_it_speaks_through_the_loggers_that_sqlalchemy_documents(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sqlalchemy.pool")
    await make_engine().dispose()

    assert {record.name for record in caplog.records} == {"sqlalchemy.pool.AsyncPool"}


async def test_pre_ping_switched_off_means_no_ping(make_engine: MakeEngine) -> None:
    engine = make_engine(pool_pre_ping=False)

    assert pool_of(engine).policy.check_after_idle is None


async def test_a_lost_connection_takes_its_generation_along(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(pool_size=3)
    async with engine.connect(), engine.connect(), engine.connect():
        pass
    await lost(engine)

    assert stats_of(engine).opened == 4
    assert stats_of(engine).total == 1


async def test_a_listener_may_refuse_a_connection(make_engine: MakeEngine) -> None:
    engine = make_engine(pool_size=1, max_overflow=0)
    refused: list[object] = []

    def refuse(connection: object, *_: object) -> None:
        if not refused:
            refused.append(connection)
            raise DisconnectionError("not this one")

    event.listen(engine.sync_engine, "checkout", refuse)
    answers = [await ask(engine), await ask(engine)]

    assert answers == [1, 1]
    assert (stats_of(engine).idle, stats_of(engine).active) == (1, 0)
    assert not any(stats_of(engine).closed.values())


async def test_a_forgotten_connection_gives_its_slot_back(make_engine: MakeEngine) -> None:
    engine = make_engine(pool_size=1, max_overflow=0)
    connection: Any = await engine.raw_connection()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        del connection
        gc.collect()
    answer = await asyncio.wait_for(ask(engine), SECONDS)

    assert answer == 1
    assert any("garbage collector" in str(warning.message) for warning in warned)
    assert stats_of(engine).total == 1


async def test_the_drivers_connection_can_be_had_from_the_same_pool(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(pool_size=1, max_overflow=0)
    await ask(engine)
    async with pool_of(engine).driver_connection() as connection:
        assert isinstance(connection, asyncpg.Connection)
        answer = await connection.fetchval("SELECT 3")
        active = stats_of(engine).active

    assert (answer, active, await ask(engine)) == (3, 1, 1)
    assert stats_of(engine).opened == 1


async def test_a_connection_that_is_not_made_in_time_is_named(
    make_engine: MakeEngine, proxy: TCPProxy
) -> None:
    proxy.stall()
    engine = make_engine(connect_timeout=0.1, pool_timeout=1.5)
    with pytest.raises(Exception, match=r"had no connection within \d+ ms") as caught:
        await ask(engine)

    assert str(caught.value.__cause__).startswith("No connection was made within 0.1 s.")
