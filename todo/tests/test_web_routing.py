"""Routers that a request for another one's path passes in one step."""

from collections import Counter

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from httpx2 import AsyncClient
from starlette.routing import Match
from starlette.types import Scope

from todo.web.routing import SegmentRouter


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each route was asked whether it serves a request."""
    routes = Counter[str]()
    matches = APIRoute.matches

    def counted(route: APIRoute, scope: Scope) -> tuple[Match, Scope]:
        routes[route.name] += 1
        return matches(route, scope)

    monkeypatch.setattr(APIRoute, "matches", counted)
    return routes


async def test_a_request_for_a_tag_asks_no_route_of_accounts_or_tasks(
    client: AsyncClient, asked: Counter[str]
) -> None:
    answer = await client.get("/api/anybody/tags/any")

    assert answer.status_code == 401
    assert set(asked) == {"list_tags", "create_tag", "read_tag"}


async def test_a_path_with_the_segments_of_two_routers_finds_its_route(
    client: AsyncClient, asked: Counter[str]
) -> None:
    answer = await client.put("/api/anybody/tags/any/tasks/one")

    assert answer.status_code == 401
    assert asked["attach_tag"]


async def test_below_a_proxy_s_prefix_the_routes_are_found(app: FastAPI) -> None:
    router = SegmentRouter(prefix="/things")

    @router.get("/{name}")
    async def thing(name: str) -> str:
        return name

    app.include_router(router)
    scope = {"type": "http", "method": "GET", "path": "/outer/things/a", "root_path": "/outer"}

    assert [route.matches(scope)[0] for route in app.routes].count(Match.FULL) == 1
