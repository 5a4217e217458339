"""Holders: remembered without keeping anything alive, and named once when they are slow."""

import asyncio
import gc
import inspect
import logging
import re
import weakref

import pytest
from sqlalchemy import text

from tests.pool.conftest import MakeEngine, MakePool
from tests.staging.patience import until
from wellhead.pool import serving
from wellhead.pool.holders import describe, nearest, stack_here, stack_of
from wellhead.pool.slots import Stack

LEAK, BACK = "connection_leak", "connection_came_back"


def told(log: pytest.LogCaptureFixture, event: str) -> list[str]:
    return [
        record.getMessage() for record in log.records if getattr(record, "event", None) == event
    ]


async def test_a_connection_that_is_held_too_long_is_named_once(
    make_pool: MakePool, caplog: pytest.LogCaptureFixture
) -> None:
    pool = make_pool(leak_threshold=0.05, name="shop")
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        with serving("GET /slow"):
            async with pool.acquire():
                await until(lambda: told(caplog, LEAK))
        async with pool.acquire():
            pass
    (leak,), (back,) = told(caplog, LEAK), told(caplog, BACK)

    assert re.match(r"pool 'shop': a connection has been held for \d+\.\d s ", leak)
    assert "GET /slow" in leak
    assert "in test_a_connection_that_is_held_too_long_is_named_once" in leak
    assert "async with pool.acquire():" in leak
    assert re.search(r"returned after \d+\.\d s, held by GET /slow", back)


async def test_the_stack_leads_through_sqlalchemy_to_the_application(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(leak_threshold=0.05)
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        async with engine.connect() as connection:
            await connection.scalar(text("SELECT 1"))
            await until(lambda: told(caplog, LEAK))
    (leak,) = told(caplog, LEAK)

    assert "in test_the_stack_leads_through_sqlalchemy_to_the_application" in leak
    assert "async with engine.connect() as connection:" in leak


async def test_those_who_are_quick_are_not_named(
    make_pool: MakePool, caplog: pytest.LogCaptureFixture
) -> None:
    pool = make_pool(leak_threshold=1)
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        for _ in range(12):
            async with pool.acquire():
                await asyncio.sleep(0.1)

    assert told(caplog, LEAK) == []


async def test_every_leak_is_named_though_they_began_at_different_times(
    make_pool: MakePool, caplog: pytest.LogCaptureFixture
) -> None:
    pool = make_pool(leak_threshold=0.1)
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        async with pool.acquire():
            await asyncio.sleep(0.06)
            async with pool.acquire():
                await until(lambda: len(told(caplog, LEAK)) == 2)

    assert len(told(caplog, LEAK)) == 2


async def test_routes_have_figures_of_their_own(make_pool: MakePool) -> None:
    pool = make_pool()
    for route in ("GET /a", "GET /a", "GET /b"):
        with serving(route):
            async with pool.acquire():
                pass
    routes = pool.stats().routes

    assert {route: timing.count for route, timing in routes.items()} == {"GET /a": 2, "GET /b": 1}


# Where a connection was taken.


class Thing:
    """Something that a caller has in a variable."""


def remember() -> tuple[Stack, "weakref.ref[Thing]"]:
    thing = Thing()
    return stack_of(inspect.currentframe()), weakref.ref(thing)


def test_the_nearest_caller_outside_the_libraries_is_named() -> None:
    stack = stack_here()
    said = nearest(stack)

    assert said is not None
    assert said.startswith("test_the_nearest_caller_outside_the_libraries_is_named (")
    assert "(test_holders.py:" in said


def test_the_stack_is_told_as_a_traceback_is_the_nearest_caller_last() -> None:
    def taker() -> str:
        return describe(stack_here())

    lines = taker().splitlines()

    assert lines[-1].strip() == "return describe(stack_here())"
    assert lines[-2].endswith("in taker")
    assert lines[-3].strip() == "lines = taker().splitlines()"


def test_no_variable_of_a_caller_is_kept_alive() -> None:
    stack, thing = remember()
    gc.collect()

    assert stack
    assert thing() is None


def test_it_is_of_limited_depth() -> None:
    def deep(levels: int) -> int:
        return len(stack_here()) if levels == 0 else deep(levels - 1)

    assert deep(100) == deep(200) == 12


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert stack_of(None) == ()
    assert nearest(()) is None
    assert describe(()) == ""
