"""Cookies, which only the live page reads."""

import asyncio

from fastapi import FastAPI, Request
from httpx2 import AsyncClient

from todo.web.cookies import without_cookies


async def test_no_route_gets_a_cookie(app: FastAPI, client: AsyncClient) -> None:
    @app.get("/cookies")
    async def tell(request: Request, dark: str | None = None) -> dict[str, object]:
        return {"cookies": request.cookies, "dark": dark, "others": request.headers["x-other"]}

    headers = {"Cookie": 'dark="' + "\\1" * 40_000 + '"', "X-Other": "here"}
    async with asyncio.timeout(60):
        answer = await client.get("/cookies", headers=headers)

    assert answer.json() == {"cookies": {}, "dark": None, "others": "here"}


def test_the_live_page_gets_the_cookie_of_its_login() -> None:
    scope = {"path": "/outer/db/events", "headers": [(b"cookie", b"wellhead_live=1")]}

    assert without_cookies(scope) == scope
    assert without_cookies({**scope, "path": "/db/pool-status"})["headers"] == []
