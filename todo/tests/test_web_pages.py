"""The pages for people."""

import base64
import hashlib
import re
from urllib.parse import urljoin

import pytest
from httpx2 import AsyncClient

from todo.settings import Settings
from todo.web.pages import INLINE_SCRIPT


async def test_the_root_says_welcome_and_where_to_go(client: AsyncClient) -> None:
    answer = await client.get("/")

    assert answer.json() == {
        "message": "Welcome to Todo API",
        "version": "0.1.0",
        "docs": "/docs",
        "redoc": "/redoc",
    }


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_documentation_needs_no_other_server(client: AsyncClient, path: str) -> None:
    page = await client.get(path)

    assert page.status_code == 200
    assert "https://" not in page.text
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert links
    for link in [*links, "openapi.json"]:
        assert (await client.get(urljoin(path, link))).status_code == 200, link


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_documentation_s_policy_lets_its_own_scripts_run_and_no_others(
    client: AsyncClient, path: str
) -> None:
    page = await client.get(path)

    policy = page.headers["content-security-policy"]
    (scripts,) = (part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe" not in scripts
    assert "https:" not in policy
    for script in INLINE_SCRIPT.findall(page.text):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in scripts


@pytest.mark.parametrize("page", ["docs", "redoc"])
async def test_a_page_whose_path_ends_with_a_slash_is_where_its_links_hold(
    client: AsyncClient, page: str
) -> None:
    answer = await client.get(f"/{page}/")

    assert answer.status_code == 307
    # Relative, so that it holds below a proxy's prefix and tells no host.
    assert answer.headers["location"] == f"../{page}"


async def test_redoc_finds_its_logo(client: AsyncClient) -> None:
    assert (await client.get("/redoc/logo-mini.svg")).headers["content-type"] == "image/svg+xml"


async def test_swagger_ui_starts_from_an_inline_script_and_another_sets_its_colours(
    client: AsyncClient,
) -> None:
    assert len(INLINE_SCRIPT.findall((await client.get("/docs")).text)) == 2


class TestAnotherName:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"app_name": "<b>Errands & more", "app_version": "9"})

    async def test_the_name_and_version_are_the_settings(self, client: AsyncClient) -> None:
        welcome = (await client.get("/")).json()

        assert (welcome["message"], welcome["version"]) == ("Welcome to <b>Errands & more", "9")
        assert (await client.get("/openapi.json")).json()["info"]["version"] == "9"
