"""Contexts: the pool's own work has an empty one, and a warning that of the holder."""

import asyncio
import gc
import logging
import weakref
from collections import defaultdict
from contextvars import ContextVar
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.pool.conftest import Driver, ask, connector
from tests.staging.patience import until
from wellhead import AsyncPool, DriverPool, PoolPolicy, PoolTimeout
from wellhead.sessions.deadline import Deadline

request: ContextVar[Any] = ContextVar("request", default=None)


class Request:
    """What a request sets in its context."""


class Seen(logging.Handler):
    """Notes which request each event was logged for."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[str, list[Any]] = defaultdict(list)

    def emit(self, record: logging.LogRecord) -> None:
        self.of[getattr(record, "event", record.getMessage())].append(request.get())


@pytest.fixture
def seen() -> Any:
    logger, handler = logging.getLogger("wellhead"), Seen()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


async def in_request(work: Any) -> "weakref.ref[Request]":
    """Do it in a task, as a request; what is left of that request."""

    async def serve() -> "weakref.ref[Request]":
        mine = Request()
        request.set(mine)
        await work()
        return weakref.ref(mine)

    return await asyncio.create_task(serve())


async def is_gone(left: "weakref.ref[Request]") -> bool:
    # The loop lets go of a task in the turn after its end.
    await asyncio.sleep(0)
    gc.collect()
    return left() is None


async def test_a_leak_is_logged_for_whoever_leaks(
    driver: Driver, database_url: str, seen: Seen
) -> None:
    leaking: list[weakref.ref[Request]] = []
    may_end = asyncio.Event()
    async with DriverPool(connector(driver, database_url), PoolPolicy(leak_threshold=0.05)) as pool:

        async def start_the_timer() -> None:
            async with pool.acquire() as connection:
                await ask(connection)

        async def leak() -> None:
            async with pool.acquire():
                leaking.append(weakref.ref(request.get()))
                await may_end.wait()

        await in_request(start_the_timer)
        task = asyncio.create_task(in_request(leak))
        # On a slow machine the other one may have been warned of, too.
        await until(lambda: leaking and leaking[0]() in seen.of["connection_leak"])
        may_end.set()
        left = await task
        seen.of.clear()

        assert await is_gone(left)


async def test_a_leak_of_an_engine_is_logged_for_whoever_leaks(
    driver: Driver, database_url: str, seen: Seen
) -> None:
    url = database_url.replace("postgresql://", f"postgresql+{driver}://")
    engine = create_async_engine(url, poolclass=AsyncPool, leak_threshold=0.05)

    async def start_the_timer() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def leak() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            await until(lambda: request.get() in seen.of["connection_leak"])

    await in_request(start_the_timer)
    await in_request(leak)
    await engine.dispose()


async def test_an_outage_is_logged_for_nobody_and_keeps_no_request_alive(seen: Seen) -> None:
    async def connect() -> Any:
        raise ConnectionRefusedError

    pool: DriverPool[Any] = DriverPool(connect, PoolPolicy(timeout=0.3))

    async def use() -> None:
        with pytest.raises(PoolTimeout):
            async with pool.acquire():
                pass

    left = await in_request(use)

    assert seen.of["pool_outage"] == [None]
    assert await is_gone(left)
    await pool.close()


async def test_an_open_connection_keeps_no_request_alive(driver: Driver, database_url: str) -> None:
    """Neither by the timers of the pool, nor by what the loop keeps of the connection itself."""
    policy = PoolPolicy(min_idle=1, recycle=600, idle_timeout=600)
    async with DriverPool(connector(driver, database_url), policy, reset=False) as pool:

        async def use() -> None:
            async with pool.acquire(), pool.acquire():
                pass

        assert await is_gone(await in_request(use))


async def test_what_connects_sees_no_request(driver: Driver, database_url: str) -> None:
    real, seen = connector(driver, database_url), []

    async def connect() -> Any:
        seen.append(request.get())
        return await real()

    async with DriverPool(connect, PoolPolicy()) as pool:

        async def use() -> None:
            async with pool.acquire():
                pass

        await in_request(use)

    assert seen == [None]


async def test_a_deadline_that_was_met_keeps_no_request_alive() -> None:
    async def use() -> None:
        with Deadline(600):
            pass

    assert await is_gone(await in_request(use))
