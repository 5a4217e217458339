"""The routes of the live page: what they show, and what they cost the database."""

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from starlette.requests import HTTPConnection

from tests.fastapi.live.conftest import TOKEN, Served, serve_page
from wellhead import Database, DatabaseSettings
from wellhead.fastapi import SessionDep, install
from wellhead.fastapi.live.access import COOKIE, LIFETIME, Access
from wellhead.fastapi.live.page import POLICY
from wellhead.testing.proxy import TCPProxy

Page = Callable[..., Served]


async def test_without_a_setting_there_is_no_page(page: Page) -> None:
    async with page() as (client, _):
        found = [await client.get(path) for path in ("/db", "/db/figures", "/db/events")]

    assert [each.status_code for each in found] == [404, 404, 404]


async def test_it_shows_the_figures_of_this_moment(page: Page) -> None:
    async with page(live_page=True) as (client, database):
        await client.get("/db/figures")
        async with database.session() as session:
            await session.connection()
            [seen] = (await client.get("/db/figures")).json()["databases"]
        await client.get("/found/7")
        [after] = (await client.get("/db/figures")).json()["databases"]

    assert seen["name"] == "default"
    assert (seen["pool"]["active"], seen["pool"]["limit"]) == (1, 3)
    [holder] = seen["holders"]
    assert holder["line"].startswith("test_it_shows_the_figures_of_this_moment (test_page.py:")
    assert after["holders"] == []
    [statement] = after["statements"]
    assert statement["shape"].startswith("SELECT ? WHERE ? <> $1")
    assert (statement["count"], statement["mean"]) == (1, statement["seconds"])
    assert seen["readiness"]["is_ready"]


async def test_the_route_that_holds_a_connection_is_named(page: Page) -> None:
    taken, done = asyncio.Event(), asyncio.Event()
    routes = APIRouter()

    @routes.get("/held/{id}")
    async def hold(session: SessionDep) -> None:
        await session.connection()
        taken.set()
        await done.wait()

    async with page(routes, live_page=True) as (client, _):
        holding = asyncio.create_task(client.get("/held/7"))
        await taken.wait()
        [seen] = (await client.get("/db/figures")).json()["databases"]
        done.set()
        await holding

    [holder] = seen["holders"]
    assert holder["what"] == "GET /held/{id}"
    assert holder["line"].startswith("hold (test_page.py:")
    assert holder["process"] == os.getpid()


async def test_opening_it_sends_the_database_nothing(page: Page, proxy: TCPProxy) -> None:
    async with page(live_page=True) as (client, _):
        before = proxy.round_trips
        for path in ("/db", "/db/figures"):
            assert (await client.get(path)).status_code == 200
        async with client.stream("GET", "/db/events") as events:
            lines = events.aiter_lines()
            told = [await anext(lines) for _ in range(4)]

        assert proxy.round_trips == before
    assert [json.loads(each.removeprefix("data: "))["version"] for each in told if each] == [1, 1]


async def test_the_page_may_load_nothing_from_elsewhere(page: Page) -> None:
    async with page(live_page=True) as (client, _):
        found = await client.get("/db")

    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert found.headers["content-security-policy"] == POLICY


async def test_a_plan_is_made_without_values_and_runs_nothing(either_url: str) -> None:
    async with serve_page(either_url, live_page=True) as (client, _):
        await client.get("/db/figures")
        await client.get("/found/7")
        [seen] = (await client.get("/db/figures")).json()["databases"]
        asked = {"database": "default", "statement": seen["statements"][0]["id"]}
        plan = await client.post("/db/plan", json=asked)
        others = [await client.post("/db/plan", json={**asked, name: "unknown"}) for name in asked]

    assert "One-Time Filter: ('secret'::text <> " in plan.json()["plan"]
    assert "$1" in plan.json()["plan"]
    assert [each.status_code for each in others] == [404, 404]


async def test_plans_can_be_behind_the_token(page: Page) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Host": "shop.example.com"}
    async with page(live_page=True, live_page_token=TOKEN) as (client, _):
        figures = (await client.get("/db/figures", headers=headers)).json()
        refused = await client.post("/db/plan", json={})

    assert (figures["plans"], figures["login"]) == (True, True)
    assert refused.status_code == 401


async def test_in_production_there_are_no_plans(page: Page) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with page(live_page_token=TOKEN) as (client, _):
        figures = (await client.get("/db/figures", headers=headers)).json()
        plan = await client.post("/db/plan", json={"statement": "x"}, headers=headers)

    assert (figures["mode"], figures["plans"]) == ("production", False)
    assert plan.status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Cookie": f"wellhead_live={TOKEN}"},
        {"Cookie": "wellhead_live=99999999999.00"},
        {"Cookie": "wellhead_live="},
    ],
)
async def test_without_the_token_there_are_no_figures(page: Page, headers: Any) -> None:
    async with page(live_page_token=TOKEN) as (client, _):
        found = [await client.get(path, headers=headers) for path in ("/db/figures", "/db/events")]
        in_query = await client.get(f"/db/figures?token={TOKEN}", headers=headers)

    assert [each.status_code for each in (*found, in_query)] == [401, 401, 401]
    assert found[0].headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("shop.localhost", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("shop.example.com:8000", 403),
        ("127.0.0.1.example.com", 403),
        ("[::1", 200),
        ("[", 403),
        ("", 403),
    ],
)
async def test_without_a_token_no_other_name_may_lead_to_it(
    page: Page, host: str, status: int
) -> None:
    async with page(live_page=True) as (client, _):
        found = await client.get("/db/figures", headers={"Host": host})

    assert found.status_code == status


async def test_a_login_gives_a_cookie_that_is_not_the_token(page: Page) -> None:
    async with page(live_page_token=TOKEN) as (client, _):
        wrong = await client.post("/db/login", json={"token": "wrong"})
        of_a_form = await client.post("/db/login", data={"token": TOKEN})
        right = await client.post("/db/login", json={"token": TOKEN})
        figures = await client.get("/db/figures")
        await client.post("/db/logout")
        after = await client.get("/db/figures")

    cookie, *attributes = right.headers["set-cookie"].split("; ")
    assert (wrong.status_code, of_a_form.status_code, right.status_code) == (401, 401, 204)
    assert {*attributes} == {"HttpOnly", "Max-Age=43200", "Path=/db", "SameSite=strict"}
    assert TOKEN not in cookie
    assert (figures.status_code, after.status_code) == (200, 401)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"[" * 4000, b'{"token": 7}', b'{"token": "\\ud800"}', b"x" * 5000]
)
async def test_any_other_body_is_no_login(page: Page, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    async with page(live_page_token=TOKEN) as (client, _):
        found = await client.post("/db/login", content=body, headers=headers)

    assert found.status_code == 401


async def test_a_head_of_the_stream_ends(page: Page) -> None:
    async with page(live_page=True) as (client, _):
        found = await client.head("/db/events")

    assert found.headers["content-type"].startswith("text/event-stream")


async def test_the_page_goes_below_the_prefix_of_the_other_routes(database_url: str) -> None:
    app = FastAPI()
    settings = DatabaseSettings(url=database_url, live_page=True)
    install(app, Database(settings), prefix="/internal")
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        found = [await client.get(path) for path in ("/internal/db", "/db", "/other/internal/db")]

    assert [each.status_code for each in found] == [200, 404, 404]
    assert "/internal/db" not in app.openapi()["paths"]


def test_a_login_ends_by_itself_and_with_its_token() -> None:
    now = 1000.0
    access = Access(TOKEN, clock=lambda: now)
    cookie = access.cookie()
    mine = connection_with(cookie)
    found = [access.admits(mine), Access("u" * 32, clock=lambda: now).admits(mine)]
    later = f"{now + 10 * LIFETIME:.0f}.{cookie.partition('.')[2]}"
    found.append(access.admits(connection_with(later)))
    now += LIFETIME

    assert [*found, access.admits(mine)] == [True, False, False, False]


def connection_with(cookie: str) -> HTTPConnection:
    header = f"other=1; {COOKIE}={cookie}; a".encode()
    return HTTPConnection({"type": "http", "headers": [(b"cookie", header)]})
