"""The methods that a 405 names, and what of a target is logged."""

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from wellhead import Database, DatabaseSettings
from wellhead.fastapi import install
from wellhead.fastapi.targets import LONGEST_PATH, shown


@pytest.fixture
def client() -> httpx2.AsyncClient:
    app = FastAPI()
    install(app, Database(DatabaseSettings(url="postgresql://user@localhost/database")))
    included = APIRouter(prefix="/included")
    for routes, path in ((app.router, "/doors/{number}"), (included, "/{number}")):
        routes.add_api_route(path, nothing, methods=["GET"])
        routes.add_api_route(path, nothing, methods=["PUT", "PATCH"])
    app.add_api_route("/doors/seven", nothing, methods=["DELETE"])
    app.add_api_route("/closed", refuse, methods=["GET"])
    app.add_api_route("/closed", nothing, methods=["POST"])
    app.include_router(included)
    app.router.routes.append(Mount("/mounted", routes=[Route("/", plain, methods=["GET"])]))
    transport = httpx2.ASGITransport(app)
    return httpx2.AsyncClient(transport=transport, base_url="http://test")


async def nothing() -> None: ...


async def plain(request: object) -> PlainTextResponse:
    del request
    return PlainTextResponse("")


async def refuse() -> None:
    raise HTTPException(405, headers={"Allow": "BREW"})


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/doors/1", "GET, PATCH, PUT"),
        ("/included/1", "GET, PATCH, PUT"),
        ("/doors/seven", "DELETE, GET, PATCH, PUT"),
        ("/mounted/", "GET, HEAD"),
    ],
)
async def test_every_method_of_every_route_at_the_path_is_named(
    client: httpx2.AsyncClient, path: str, allowed: str
) -> None:
    response = await client.post(path)

    assert response.status_code == 405
    assert response.headers["content-type"] == "application/problem+json"
    assert ", ".join(sorted(response.headers["allow"].split(", "))) == allowed


async def test_what_a_route_says_itself_is_kept(client: httpx2.AsyncClient) -> None:
    response = await client.get("/closed")

    assert (response.status_code, response.headers["allow"]) == (405, "BREW")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/tasks/7", "/tasks/7"),
        ("/a\n2026-11-29 INFO forged", "/a%0A2026-11-29%20INFO%20forged"),
        ("/\x1b[2J\x9b", "/%1B%5B2J%C2%9B"),
        ("/\u2028\u202e", "/%E2%80%A8%E2%80%AE"),
        ("/\udc80", "/%3F"),
        ("/" + "a" * 70_000, "/" + "a" * (LONGEST_PATH - 1) + "..."),
    ],
)
def test_a_path_is_logged_as_one_short_line_of_plain_text(path: str, line: str) -> None:
    assert shown({"type": "http", "method": "GET\n", "path": path}) == ("GET%0A", line)
    assert shown({"type": "websocket", "path": path}) == ("WebSocket", line)
