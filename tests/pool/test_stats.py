"""The figures: what is counted, how long things took, and that reading them never waits."""

import dataclasses
import inspect
from typing import Any

import pytest
from sqlalchemy import text

from tests.pool.conftest import MakeEngine, MakePool
from wellhead import AsyncPool, PoolStats, Timing
from wellhead.pool import Close
from wellhead.pool.stats import BATCH, BOUNDS, Stopwatch, Tally
from wellhead.testing.proxy import TCPProxy


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


# Durations in buckets, and the percentiles that are read from them.


def test_percentiles_are_exact_to_a_bucket() -> None:
    watch = Stopwatch()
    for milliseconds in range(1, 1001):
        watch.add(milliseconds / 1000)
    timing = watch.read()

    assert timing.count == 1000
    assert timing.mean == pytest.approx(0.5005)
    for share, exact in ((50, 0.5), (95, 0.95), (99, 0.99)):
        assert exact <= timing.percentile(share) <= exact * 1.42
    assert (timing.p50, timing.p99) == (timing.percentile(50), timing.percentile(99))
    assert timing.p95 <= timing.longest == 1.0


def test_nothing_measured_is_nothing() -> None:
    timing = Timing()

    assert (timing.mean, timing.p50, timing.p99) == (0, 0, 0)


def test_what_took_no_time_counts_and_what_took_for_ever_is_not_lost() -> None:
    watch = Stopwatch()
    watch.add(BOUNDS[-1] * 10)
    timing = watch.read(at_once=1)

    assert timing.count == sum(timing.buckets) == 2
    assert timing.percentile(100) == BOUNDS[-1] * 10


def test_a_timing_that_was_read_does_not_change() -> None:
    watch = Stopwatch()
    before = watch.read()
    watch.add(1)

    assert before.count == 0


def test_nothing_is_lost_between_two_batches() -> None:
    watch = Stopwatch()
    for _ in range(BATCH + 3):
        watch.add(0.001)
    watch.add(5000.0)
    timing = watch.read()

    assert (watch.count, timing.count, sum(timing.buckets)) == (BATCH + 4,) * 3
    assert (timing.longest, timing.buckets[-1]) == (5000.0, 1)
