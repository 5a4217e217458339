"""The pool without the rest of Wellhead: any async driver of SQLAlchemy, any event loop."""

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

import pytest
import uvloop
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util.concurrency import greenlet_spawn

import wellhead
from tests.staging.patience import until
from wellhead import PoolPolicy, PoolSaturated, PoolStats, PoolTimeout

KNOBS: dict[str, Any] = {
    "pool_size": 2,
    "max_overflow": 1,
    "pool_timeout": 3.0,
    "pool_recycle": 1800,
    "pool_use_lifo": False,
    "min_idle": 1,
    "max_waiting": 7,
    "idle_timeout": 60.0,
    "lifetime_jitter": 0.2,
    "check_after_idle": 5.0,
    "connect_timeout": 2.0,
    "leak_threshold": 9.0,
}


@pytest.fixture(params=["postgresql+asyncpg", "postgresql+psycopg", "sqlite+aiosqlite"])
def url(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> str:
    scheme: str = request.param
    if scheme.startswith("sqlite"):
        return f"{scheme}:///{tmp_path}/shop.db"
    return database_url.replace("postgresql", scheme, 1)


def engine_on(url: str, **knobs: Any) -> AsyncEngine:
    return create_async_engine(url, poolclass=wellhead.AsyncPool, **knobs)


def stats_of(engine: AsyncEngine) -> PoolStats:
    pool = engine.sync_engine.pool
    assert isinstance(pool, wellhead.AsyncPool)
    return pool.stats()


async def ask(engine: AsyncEngine) -> Any:
    async with engine.connect() as connection:
        return await connection.scalar(text("SELECT 1"))


async def test_every_knob_reaches_the_pool(url: str) -> None:
    engine = engine_on(url, **KNOBS)
    pool = engine.sync_engine.pool
    answer = await ask(engine)
    await engine.dispose()

    assert isinstance(pool, wellhead.AsyncPool)
    assert pool.policy == PoolPolicy(
        **{name.removeprefix("pool_") if name != "pool_size" else name: value
           for name, value in KNOBS.items()}
    )  # fmt: skip
    assert answer == 1


async def test_a_pool_serves_more_callers_than_it_has_connections(url: str) -> None:
    engine = engine_on(url, pool_size=2, max_overflow=1)
    answers = await asyncio.gather(*(ask(engine) for _ in range(12)))
    # Two may have served all before the third was there.
    await until(lambda: not stats_of(engine).opening and not stats_of(engine).closing)
    stats = stats_of(engine)
    await engine.dispose()

    assert answers == [1] * 12
    assert (stats.idle, stats.active, stats.acquired) == (2, 0, 12)
    assert stats.opened == 3


async def test_a_full_pool_says_so(url: str) -> None:
    engine = engine_on(url, pool_size=1, max_overflow=0, pool_timeout=1.5)
    async with engine.connect():
        with pytest.raises(PoolTimeout):
            await ask(engine)
    await engine.dispose()
    engine = engine_on(url, pool_size=1, max_overflow=0, max_waiting=0)
    async with engine.connect():
        with pytest.raises(PoolSaturated):
            await ask(engine)
    await engine.dispose()


async def test_an_invalidated_connection_is_replaced(url: str) -> None:
    engine = engine_on(url, pool_size=1, max_overflow=0)
    async with engine.connect() as connection:
        await connection.invalidate()
    answer, stats = await ask(engine), stats_of(engine)
    await engine.dispose()

    assert (answer, stats.total, stats.opened) == (1, 1, 2)


async def test_what_sat_idle_is_pinged_and_what_is_too_old_is_replaced(url: str) -> None:
    engine = engine_on(url, pool_size=1, max_overflow=0, check_after_idle=0)
    answers = [await ask(engine) for _ in range(3)]
    opened = stats_of(engine).opened
    await engine.dispose()
    engine = engine_on(url, pool_size=1, max_overflow=0, pool_recycle=0)
    answers += [await ask(engine) for _ in range(3)]
    replaced = stats_of(engine)
    await engine.dispose()

    assert answers == [1] * 6
    assert opened == 1
    assert (replaced.opened, replaced.closed["lifetime"]) == (3, 3)


async def test_rows_can_be_streamed(url: str) -> None:
    engine = engine_on(url, pool_size=1, max_overflow=0)
    numbers = text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
        " SELECT i FROM n"
    )
    seen = []
    async with engine.connect() as connection:
        rows = await connection.stream(numbers)
        async for row in rows:
            seen.append(row.i)
            if len(seen) == 300:
                break
        await rows.close()
    answer, stats = await ask(engine), stats_of(engine)
    await engine.dispose()

    assert seen == list(range(1, 301))
    assert answer == 1
    assert (stats.active, stats.idle) == (0, 1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_it_can_be_disposed_of_when_its_loop_is_gone(url: str) -> None:
    engine = engine_on(url, pool_size=1, max_overflow=1)

    async def use() -> None:
        async with engine.connect(), engine.connect():
            pass
        await ask(engine)

    asyncio.run(use())
    engine.sync_engine.dispose()
    gc.collect()

    assert stats_of(engine).total == 0


async def test_disposing_leaves_no_thread_and_no_task_behind(url: str) -> None:
    threads, tasks = threading.active_count(), asyncio.all_tasks()
    engine = engine_on(url, pool_size=2, max_overflow=1, min_idle=1, idle_timeout=60)
    await asyncio.gather(*(ask(engine) for _ in range(5)))
    await engine.dispose()

    # What the driver itself began may take a moment to end.
    await until(lambda: asyncio.all_tasks() == tasks)
    await until(lambda: threading.active_count() <= threads)


async def test_an_engine_disposed_of_without_closing_keeps_what_is_in_use(url: str) -> None:
    engine = engine_on(url, pool_size=1, max_overflow=0)
    async with engine.connect() as connection:
        before: Any = engine.sync_engine.pool
        await engine.dispose(close=False)
        answers = [await ask(engine), await connection.scalar(text("SELECT 2"))]
    after: Any = engine.sync_engine.pool
    figures = [before.checkedin(), after.checkedin()]
    await engine.dispose()
    # As AsyncEngine.dispose() does it.
    await greenlet_spawn(before.dispose)

    assert answers == [1, 2]
    assert figures == [1, 1]


def test_it_works_on_uvloop(url: str) -> None:
    async def use() -> PoolStats:
        engine = engine_on(
            url, pool_size=3, max_overflow=0, min_idle=1, idle_timeout=0.05, check_after_idle=0
        )
        loop_is_uv = isinstance(asyncio.get_running_loop(), uvloop.Loop)
        answers = await asyncio.gather(*(ask(engine) for _ in range(12)))
        async with engine.connect(), engine.connect(), engine.connect():
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ask(engine), 0.05)
            # On a busy machine some have sat idle for too long before.
            closed = stats_of(engine).closed["idle"]
        await until(lambda: stats_of(engine).total == 1 and not stats_of(engine).closing)
        stats = stats_of(engine)
        await engine.dispose()
        assert loop_is_uv
        assert answers == [1] * 12
        assert stats.closed["idle"] - closed == 2
        return stats

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stats = runner.run(use())

    assert (stats.active, stats.waiting) == (0, 0)
