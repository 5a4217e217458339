"""The knobs: their ranges, and what follows from them; and a size with which all processes fit."""

import math
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from wellhead import AsyncPool, DriverPool, PoolPolicy, SettingsError


@pytest.mark.parametrize(
    ("knob", "value"),
    [("pool_size", -1), ("max_overflow", -2), ("timeout", -1), ("max_waiting", -1),
     ("min_idle", 6), ("recycle", -2), ("lifetime_jitter", 1.5), ("leak_threshold", -1)],
)  # fmt: skip
def test_a_value_outside_its_range_is_refused_by_name(knob: str, value: Any) -> None:
    words = rf"^{knob} of the pool is {value}; it must be a number"
    with pytest.raises(SettingsError, match=words):
        PoolPolicy(**{knob: value})


WHOLE = ("pool_size", "max_overflow", "max_waiting", "min_idle")
SECONDS = (
    "timeout", "idle_timeout", "recycle", "check_after_idle", "connect_timeout", "leak_threshold",
)  # fmt: skip
OPTIONAL = {"max_waiting", "idle_timeout", "check_after_idle", "leak_threshold"}


def made_with(knob: str, value: Any) -> PoolPolicy:
    return PoolPolicy(**{knob: value})


@pytest.mark.parametrize("knob", [*WHOLE, *SECONDS, "lifetime_jitter"])
@pytest.mark.parametrize(
    "value", [None, "5", True, math.nan, math.inf, -math.inf, 1 + 2j, [1], b"1"], ids=repr
)
def test_what_is_no_number_is_refused_when_the_policy_is_made(knob: str, value: Any) -> None:
    if value is None and knob in OPTIONAL:
        assert getattr(made_with(knob, None), knob) is None
        return
    with pytest.raises(SettingsError, match=rf"^{knob} of the pool is .*; it must be a number"):
        PoolPolicy(**{knob: value})


@pytest.mark.parametrize("knob", WHOLE)
def test_a_fraction_of_a_connection_is_refused(knob: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{knob} of the pool is 1.5; .* a whole one"):
        made_with(knob, 1.5)


@pytest.mark.parametrize("knob", ["timeout", "connect_timeout"])
def test_a_time_in_which_nothing_can_be_opened_is_refused(knob: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{knob} of the pool is 0, .*max_waiting=0"):
        made_with(knob, 0)


def test_an_age_between_never_and_none_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^recycle of the pool is -0.5; .* or -1 for never"):
        PoolPolicy(recycle=-0.5)


@pytest.mark.parametrize("value", [None, 0, 1, "yes"])
def test_a_switch_takes_true_or_false(value: Any) -> None:
    with pytest.raises(SettingsError, match=r"^use_lifo of the pool is .* True or False"):
        PoolPolicy(use_lifo=value)
    for knob in ("pool_use_lifo", "pool_pre_ping"):
        with pytest.raises(SettingsError, match=r"of the pool is .* True or False"):
            create_async_engine("postgresql+asyncpg://h/d", poolclass=AsyncPool, **{knob: value})


@pytest.mark.parametrize(
    "knob",
    ["pool_size", "max_overflow", "pool_timeout", "pool_recycle", "min_idle", "lifetime_jitter",
     "connect_timeout", "name"],
)  # fmt: skip
def test_an_engine_with_none_for_a_knob_is_refused_when_it_is_made(knob: str) -> None:
    with pytest.raises(SettingsError, match=r"of the pool is None; it must be"):
        create_async_engine("postgresql+asyncpg://h/d", poolclass=AsyncPool, **{knob: None})


@pytest.mark.parametrize(
    "wrong", [{"connect": None}, {"connect": "dsn"}, {"policy": {}}, {"policy": PoolPolicy},
              {"name": None}, {"reset": None}, {"reset": "no"}],
    ids=repr,
)  # fmt: skip
def test_a_driver_pool_refuses_what_it_cannot_use_when_it_is_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=rf"^{next(iter(wrong))} of the pool is .*; it must be"):
        DriverPool(**{"connect": print, **wrong})


@pytest.mark.parametrize("timeout", ["5", True, math.nan, math.inf, -1])
async def test_a_wait_that_is_no_number_of_seconds_is_refused(timeout: Any) -> None:
    pool: DriverPool[Any] = DriverPool(print)  # type: ignore[arg-type]  # it is not called
    with pytest.raises(SettingsError, match=r"^timeout is .*; it must be a"):
        async with pool.acquire(timeout=timeout):
            pass


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
