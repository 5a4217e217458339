"""Leaks: named once, with the place and the route, and again when they are over."""

import asyncio
import logging

import pytest
from sqlalchemy import text

from tests.pool.conftest import MakeEngine, MakePool
from wellhead.pool import serving

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
                await asyncio.sleep(0.2)
        async with pool.acquire():
            pass
    (leak,), (back,) = told(caplog, LEAK), told(caplog, BACK)

    assert "pool 'shop': a connection has been held for 0." in leak
    assert "GET /slow" in leak
    assert "in test_a_connection_that_is_held_too_long_is_named_once" in leak
    assert "async with pool.acquire():" in leak
    assert "came back after 0.2" in back


async def test_the_stack_leads_through_sqlalchemy_to_the_application(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(leak_threshold=0.05)
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        async with engine.connect() as connection:
            await connection.scalar(text("SELECT 1"))
            await asyncio.sleep(0.1)
    (leak,) = told(caplog, LEAK)

    assert "in test_the_stack_leads_through_sqlalchemy_to_the_application" in leak
    assert "async with engine.connect() as connection:" in leak


async def test_those_who_are_quick_are_not_named(
    make_pool: MakePool, caplog: pytest.LogCaptureFixture
) -> None:
    pool = make_pool(leak_threshold=0.1)
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        for _ in range(8):
            async with pool.acquire():
                await asyncio.sleep(0.03)

    assert told(caplog, LEAK) == []


async def test_every_leak_is_named_though_they_began_at_different_times(
    make_pool: MakePool, caplog: pytest.LogCaptureFixture
) -> None:
    pool = make_pool(leak_threshold=0.1)
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        async with pool.acquire():
            await asyncio.sleep(0.06)
            async with pool.acquire():
                await asyncio.sleep(0.15)

    assert len(told(caplog, LEAK)) == 2


async def test_routes_have_figures_of_their_own(make_pool: MakePool) -> None:
    pool = make_pool()
    for route in ("GET /a", "GET /a", "GET /b"):
        with serving(route):
            async with pool.acquire():
                pass
    routes = pool.stats().routes

    assert {route: timing.count for route, timing in routes.items()} == {"GET /a": 2, "GET /b": 1}
