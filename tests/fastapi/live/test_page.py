"""The routes of the live page: what they show, and what they cost the database."""

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import APIRouter

from tests.fastapi.live.conftest import TOKEN, Served
from wellhead.fastapi import SessionDep
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


async def test_a_plan_is_made_without_values_and_runs_nothing(page: Page) -> None:
    async with page(live_page=True) as (client, _):
        await client.get("/db/figures")
        await client.get("/found/7")
        [seen] = (await client.get("/db/figures")).json()["databases"]
        plan = await client.post("/db/plan", json={"statement": seen["statements"][0]["id"]})
        other = await client.post("/db/plan", json={"statement": "unknown"})

    assert "One-Time Filter: ('secret'::text <> $1)" in plan.json()["plan"]
    assert other.status_code == 404


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


async def test_a_login_gives_a_cookie_that_is_not_the_token(page: Page) -> None:
    async with page(live_page_token=TOKEN) as (client, _):
        wrong = await client.post("/db/login", json={"token": "wrong"})
        of_a_form = await client.post("/db/login", data={"token": TOKEN})
        right = await client.post("/db/login", json={"token": TOKEN})
        figures = await client.get("/db/figures")

    cookie = right.headers["set-cookie"]
    assert (wrong.status_code, of_a_form.status_code, right.status_code) == (401, 401, 204)
    assert cookie.endswith("; Max-Age=43200; Path=/db; HttpOnly; SameSite=Strict")
    assert TOKEN not in cookie
    assert figures.status_code == 200
