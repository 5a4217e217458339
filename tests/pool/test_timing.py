"""Durations in buckets, and the percentiles that are read from them."""

import pytest

from wellhead.pool.timing import BATCH, BOUNDS, Stopwatch, Timing


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


def test_a_snapshot_does_not_change() -> None:
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
