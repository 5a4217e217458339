"""The pool's time is monotonic: a wall clock that is set back or forward changes nothing."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy.pool.base as sqlalchemy_pool
from sqlalchemy import event, exc, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import Pool

from tests.pool.conftest import Driver
from wellhead import AsyncPool
from wellhead.connecting.plan import CountingNullPool

HOUR = 3600.0
KILL = text("SELECT pg_terminate_backend(pg_backend_pid())")


class Clock:
    """The wall clock, as SQLAlchemy reads it."""

    ahead = 0.0

    def time(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(sqlalchemy_pool, "time", SimpleNamespace(time=clock.time))
    return clock


def engine_on(driver: Driver, url: str, poolclass: type[Pool], **knobs: Any) -> AsyncEngine:
    scheme = url.replace("postgresql://", f"postgresql+{driver}://")
    return create_async_engine(scheme, poolclass=poolclass, **knobs)


async def pid(engine: AsyncEngine) -> Any:
    async with engine.connect() as connection:
        return (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()


async def lose(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError):
        async with engine.connect() as connection:
            await connection.execute(KILL)


async def spoil(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        raw.invalidate(soft=True)


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
@pytest.mark.parametrize("end", [lose, spoil])
async def test_after_a_loss_connections_are_used_again_whatever_the_clock_says(
    driver: Driver, database_url: str, clock: Clock, ahead: float, end: Any
) -> None:
    engine = engine_on(driver, database_url, AsyncPool, pool_size=1, pool_recycle=60)
    await pid(engine)
    await end(engine)
    clock.ahead = ahead
    pids = {await pid(engine) for _ in range(5)}
    await engine.dispose()

    assert len(pids) == 1


async def test_a_loss_retires_those_of_its_generation_once(
    driver: Driver, database_url: str, clock: Clock
) -> None:
    engine = engine_on(driver, database_url, AsyncPool, pool_size=3)
    async with engine.connect() as old:
        await lose(engine)
        clock.ahead = -HOUR
        new = await pid(engine)
        # That this one goes, too, says nothing about the new one.
        with pytest.raises(DBAPIError):
            await old.execute(KILL)
    after = await pid(engine)
    await engine.dispose()

    assert after == new


async def test_a_connection_made_in_place_of_a_refused_one_is_kept(
    driver: Driver, database_url: str, clock: Clock
) -> None:
    engine = engine_on(driver, database_url, AsyncPool, pool_size=1)
    await pid(engine)
    refused: list[object] = []

    @event.listens_for(engine.sync_engine, "checkout")
    def refuse(_: object, record: Any, fairy: object) -> None:
        if not refused:
            refused.append(fairy)
            record.invalidate(soft=True)
            clock.ahead = -HOUR
            raise exc.DisconnectionError

    pids = {await pid(engine) for _ in range(3)}
    await engine.dispose()

    assert len(refused) == len(pids) == 1


async def test_without_a_pool_one_connection_a_use_is_made(
    driver: Driver, database_url: str, clock: Clock
) -> None:
    engine = engine_on(driver, database_url, CountingNullPool)
    await lose(engine)
    made: list[object] = []
    event.listen(engine.sync_engine, "connect", lambda connection, _: made.append(connection))
    clock.ahead = -HOUR
    for _ in range(3):
        await pid(engine)

    assert len(made) == 3
