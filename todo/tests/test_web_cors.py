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


class TestEveryOrigin:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"cors_origins": ["*"], "cors_allow_credentials": False})

    async def test_every_origin_may_ask_without_credentials(self, client: AsyncClient) -> None:
        answer = await client.get("/health", headers={"Origin": FOREIGN})

        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
