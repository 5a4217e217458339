"""The reference says what each route costs; counted between the application and PostgreSQL."""

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from writes import KEYED, WRITES, World, headers_for

from wellhead import Database
from wellhead.testing.proxy import TCPProxy

pytestmark = pytest.mark.wellhead(commit=True)

REFERENCE = Path(__file__).parents[2] / "docs/reference/todo-api.md"
ROW = re.compile(r"^\| `([A-Z]+ /api/\S+)` \| (\d+) \|$", re.MULTILINE)
COSTS = {route: int(cost) for route, cost in ROW.findall(REFERENCE.read_text())}


@pytest.fixture
def database(proxied_database: Database) -> Database:
    return proxied_database


def test_the_reference_names_every_route(app: FastAPI) -> None:
    routes = {
        f"{method.upper()} {path}"
        for path, operations in app.openapi()["paths"].items()
        for method in operations
        if path.startswith("/api/")
    }

    assert set(COSTS) == routes


@pytest.mark.parametrize("route", COSTS)
async def test_a_route_costs_what_the_reference_says(
    app: FastAPI, client: AsyncClient, proxy: TCPProxy, route: str
) -> None:
    # The first two make the connection know the statements.
    worlds = [await World.make(app, client) for _ in range(3)]
    for world in worlds:
        proxy.reset()
        answer = await world.send(route)
        assert answer.is_success, answer.text

    assert proxy.round_trips == COSTS[route]


@pytest.mark.parametrize("route", KEYED)
async def test_a_key_costs_nothing(
    app: FastAPI, client: AsyncClient, proxy: TCPProxy, route: str
) -> None:
    worlds = [await World.make(app, client) for _ in range(3)]
    for number, world in enumerate(worlds):
        proxy.reset()
        answer = await world.send(route, **headers_for(route, number))
        assert answer.is_success, answer.text

    assert proxy.round_trips == COSTS[route]


def test_every_route_that_writes_is_among_them() -> None:
    assert set(WRITES) <= set(COSTS)
