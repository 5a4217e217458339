"""Cross-origin requests."""

import pytest
from httpx2 import AsyncClient, Response

from todo.settings import Settings

ALLOWED = "http://localhost:3000"
FOREIGN = "https://evil.example"


async def preflight(client: AsyncClient, origin: str, method: str = "PATCH") -> Response:
    return await client.options(
        "/api/auth/me",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization,if-match",
        },
    )


async def test_an_allowed_origin_may_ask_with_credentials(client: AsyncClient) -> None:
    answer = await preflight(client, ALLOWED)

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization,if-match"


async def test_a_refused_preflight_says_why_as_a_problem(client: AsyncClient) -> None:
    answer = await preflight(client, FOREIGN, method="BREW")

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "Disallowed CORS origin, method."
    assert "access-control-allow-origin" not in answer.headers
    assert "Origin" in answer.headers["vary"]


async def test_an_allowed_origin_may_read_what_it_needs(client: AsyncClient) -> None:
    answer = await client.get("/health", headers={"Origin": ALLOWED})

    assert answer.headers["access-control-allow-origin"] == ALLOWED
    assert {"ETag", "Location", "Retry-After", "X-Request-ID"} <= set(
        answer.headers["access-control-expose-headers"].split(", ")
    )


async def test_a_foreign_origin_gets_no_leave(client: AsyncClient) -> None:
    answer = await client.get("/health", headers={"Origin": FOREIGN})

    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/nothing", "/api/auth/me"])
async def test_errors_can_be_read_across_origins_too(client: AsyncClient, path: str) -> None:
    answer = await client.get(path, headers={"Origin": ALLOWED})

    assert answer.status_code in {401, 404}
    assert answer.headers["access-control-allow-origin"] == ALLOWED


LOCAL = (
    "http://localhost:5173",
    "https://localhost:5173",
    "http://localhost",
    "http://127.0.0.1:8080",
    "http://[::1]:65535",
)
NOT_LOCAL = (
    "http://localhost.evil.example:5173",
    "http://evil.example/http://localhost:5173",
    "http://localhost:5173.evil.example",
    "http://localhost:5173@evil.example",
    "http://localhost:",
    "http://localhost:5173\u00b2",
    "http://127.0.0.10:5173",
    "http://127.0x0.1:5173",
    "http://[::1]x:5173",
    "http://[::2]:5173",
    "ftp://localhost:5173",
    "null",
    "http://localhost:" + "1" * 60_000,
)


@pytest.mark.parametrize("origin", LOCAL)
async def test_in_development_a_page_from_any_port_of_this_machine_may_ask(
    client: AsyncClient, origin: str
) -> None:
    asked = await preflight(client, origin)
    answer = await client.get("/health", headers={"Origin": origin})

    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["vary"] == "Origin"


async def refused_origins(client: AsyncClient, *origins: str) -> list[str]:
    """Those of them that may not ask, and whose refusal no cache gives to others."""
    refused = []
    for origin in origins:
        headers = {b"Origin": origin.encode("latin-1")}
        answer = await client.get("/health", headers=headers)
        assert answer.headers["vary"] == "Origin"
        if "access-control-allow-origin" not in answer.headers:
            refused.append(origin)
    return refused


async def test_what_only_looks_like_this_machine_may_not(client: AsyncClient) -> None:
    assert await refused_origins(client, *NOT_LOCAL) == list(NOT_LOCAL)


class TestNamedOrigins:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"cors_origins": ["https://app.example"]})

    async def test_only_they_may_ask(self, client: AsyncClient) -> None:
        assert await refused_origins(client, "https://app.example", *LOCAL) == list(LOCAL)


class TestNoOrigins:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"cors_origins": []})

    async def test_no_page_may_ask(self, client: AsyncClient) -> None:
        assert await refused_origins(client, *LOCAL) == list(LOCAL)


class TestProduction:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"app_env": "production"})

    async def test_no_page_may_ask_that_is_not_named(self, client: AsyncClient) -> None:
        assert await refused_origins(client, *LOCAL) == list(LOCAL)


class TestEveryOrigin:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"cors_origins": ["*"], "cors_allow_credentials": False})

    async def test_every_origin_may_ask_without_credentials(self, client: AsyncClient) -> None:
        answer = await client.get("/health", headers={"Origin": FOREIGN})

        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
