"""The knobs: their ranges, and what follows from them."""

import math
from typing import Any

import pytest

from wellhead import PoolPolicy, SettingsError


@pytest.mark.parametrize(
    ("knob", "value"),
    [("pool_size", -1), ("max_overflow", -2), ("timeout", -1), ("max_waiting", -1),
     ("min_idle", 6), ("recycle", -2), ("lifetime_jitter", 1.5), ("leak_threshold", -1)],
)  # fmt: skip
def test_a_value_outside_its_range_is_refused_by_name(knob: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=rf"^{knob} of the pool is {value}; it takes a number"):
        PoolPolicy(**{knob: value})


@pytest.mark.parametrize(
    ("size", "overflow", "limit"), [(5, 10, 15), (5, 0, 5), (0, 10, math.inf), (5, -1, math.inf)]
)
def test_the_limit_is_size_and_overflow_or_none(size: int, overflow: int, limit: float) -> None:
    assert PoolPolicy(pool_size=size, max_overflow=overflow).limit == limit


def test_lifetimes_differ_so_that_connections_are_not_replaced_together() -> None:
    policy = PoolPolicy(recycle=100, lifetime_jitter=0.2)
    lifetimes = [policy.lifetime() for _ in range(1000)]

    assert 80 <= min(lifetimes) < 82
    assert 98 < max(lifetimes) <= 100


def test_without_recycling_nothing_gets_too_old() -> None:
    assert PoolPolicy(recycle=-1).lifetime() == math.inf
