"""A route that holds a connection for too long is named, and so is its end."""

import asyncio
import logging

import httpx2
import pytest
from fastapi import FastAPI
from sqlmodel import func, select

from tests.staging.server import serve
from wellhead import Database, DatabaseSettings
from wellhead.fastapi import ReaderDep, SessionDep, install, lifespan


def told(log: pytest.LogCaptureFixture, event: str) -> list[str]:
    return [
        record.getMessage() for record in log.records if getattr(record, "event", None) == event
    ]


@pytest.mark.parametrize("kind", ["sessions", "readers"])
async def test_a_leak_is_named_with_its_route_and_its_end_is_said_in_one_line(
    kind: str, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(DatabaseSettings(url=database_url, pool_leak_threshold=0.1))
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)

    @app.get("/sessions/{number}")
    async def hold_a_session(number: int, session: SessionDep) -> int:
        await session.exec(select(func.now()))
        await asyncio.sleep(0.3)
        return number

    @app.get("/readers/{number}")
    async def hold_a_reader(number: int, reader: ReaderDep) -> int:
        await reader.exec(select(func.now()))
        await asyncio.sleep(0.3)
        return number

    with caplog.at_level(logging.WARNING, logger="wellhead"):
        async with serve(app) as base, httpx2.AsyncClient(verify=False) as client:
            # Opening may take as long.
            caplog.clear()
            answer = await client.get(f"{base}/{kind}/7")
            routes = database.stats().routes
    (leak,), (back,) = told(caplog, "connection_leak"), told(caplog, "connection_came_back")
    route = f"GET /{kind}/{{number}}"

    assert answer.json() == 7
    assert f"by {route}; taken here:" in leak
    assert "in hold_a_" in leak
    assert ".exec(select(func.now()))" in leak
    assert route in back
    assert "\n" not in back
    assert routes[route].count == 1
