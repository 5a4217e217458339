"""The figures: what is counted, and that reading them waits for nobody."""

import dataclasses
import inspect
from typing import Any

import pytest
from sqlalchemy import text

from tests.pool.conftest import MakeEngine, MakePool
from tests.staging.proxy import TCPProxy
from wellhead import AsyncPool, PoolStats
from wellhead.pool import Close
from wellhead.pool.stats import Tally


def test_every_figure_of_a_snapshot_has_its_line() -> None:
    documented = inspect.getdoc(PoolStats) or ""

    for field in dataclasses.fields(PoolStats):
        assert f"    {field.name}: " in documented, field.name


def test_every_reason_to_close_is_named_though_it_never_happened() -> None:
    assert dict(Tally().closed_by_reason()) == {reason.value: 0 for reason in Close}


def test_what_was_handed_out_is_what_came_back_and_what_is_held() -> None:
    tally = Tally()
    tally.held(0.1, None)
    tally.after_wait(0.5)

    assert tally.acquired(held=1) == 2
    assert (tally.wait(held=1).count, tally.wait(held=1).longest) == (2, 0.5)


def test_routes_cannot_fill_the_memory() -> None:
    tally = Tally()
    for number in range(2000):
        tally.held(0.1, f"GET /{number}")

    assert len(tally.held_by_route()) == 500
    assert tally.hold.read().count == 2000


def test_a_snapshot_cannot_be_changed_and_does_not_change() -> None:
    tally = Tally()
    closed, routes = tally.closed_by_reason(), tally.held_by_route()
    tally.closed[Close.IDLE] += 1
    tally.held(0.1, "GET /")
    changeable: Any = closed

    assert (closed["idle"], dict(routes)) == (0, {})
    with pytest.raises(TypeError):
        changeable["idle"] = 7


async def test_reading_works_while_every_connection_is_held_and_asks_nobody(
    make_engine: MakeEngine, proxy: TCPProxy
) -> None:
    engine = make_engine(pool_size=1, max_overflow=1, pool_timeout=20)
    pool = engine.sync_engine.pool
    assert isinstance(pool, AsyncPool)
    async with engine.connect() as first, engine.connect() as second:
        await first.scalar(text("SELECT 1"))
        await second.scalar(text("SELECT 1"))
        proxy.stall()
        proxy.reset()
        # A plain call: it cannot wait, and nothing else runs in the meantime.
        read = [pool.stats() for _ in range(100)]
        sent = (proxy.bytes_to_server, proxy.connections)
        proxy.resume()

    assert sent == (0, 0)
    assert {(stats.active, stats.idle, stats.total, stats.overflow) for stats in read} == {
        (2, 0, 2, 1)
    }
    assert read[0].acquired == read[-1].acquired == 2


async def test_a_pool_that_was_not_used_has_figures_and_opens_nothing(
    make_pool: MakePool, proxy: TCPProxy
) -> None:
    stats = make_pool(pool_size=3, max_overflow=-1, min_idle=2).stats()

    assert (stats.total, stats.opened, stats.pool_size, stats.max_overflow) == (0, 0, 3, None)
    assert (stats.wait.p99, stats.hold.p50, stats.connect.mean) == (0, 0, 0)
    assert proxy.connections == 0
