"""Security headers."""

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient


@pytest.mark.parametrize("path", ["/", "/health", "/nothing", "/api/auth/me", "/openapi.json"])
async def test_every_answer_tells_browsers_what_not_to_do(client: AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


async def test_no_cache_keeps_an_answer_below_api(client: AsyncClient) -> None:
    assert (await client.get("/api/auth/me")).headers["cache-control"] == "no-store"
    assert "cache-control" not in (await client.get("/")).headers


@pytest.mark.parametrize("path", ["/outer/api/auth/me", "/api/auth/me"])
async def test_no_cache_keeps_it_below_a_proxy_s_prefix_either(
    app: FastAPI, client: AsyncClient, path: str
) -> None:
    app.root_path = "/outer"

    assert (await client.get(path)).headers["cache-control"] == "no-store"


async def test_plain_http_is_not_told_to_stay_on_https(client: AsyncClient) -> None:
    assert "strict-transport-security" not in (await client.get("/")).headers


async def test_https_is_to_stay(app: FastAPI, client: AsyncClient) -> None:
    del client  # It keeps the application running.
    transport = ASGITransport(app=app)
    async with AsyncClient(transport=transport, base_url="https://todo.test") as secure:
        answer = await secure.get("/")

    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
