"""What a person gets in a browser where a program gets a problem."""

import re
from urllib.parse import urljoin

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from todo.web.client import POLICY

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}


async def test_a_person_at_an_unknown_path_gets_a_page(client: AsyncClient) -> None:
    answer = await client.get("/nothing", headers=BROWSER)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert "<h1>Not Found</h1>" in answer.text
    assert "Accept, Sec-Fetch-Mode" in answer.headers.get_list("vary")
    assert "nothing" not in answer.text.replace("There is nothing", "")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Accept": "*/*"},
        {"Accept": "application/json"},
        {**BROWSER, "Sec-Fetch-Mode": "cors"},
        {**BROWSER, "Sec-Fetch-Mode": "no-cors"},
    ],
)
async def test_a_program_gets_a_problem(client: AsyncClient, headers: dict[str, str]) -> None:
    answer = await client.get("/nothing", headers=headers)

    assert answer.headers["content-type"] == "application/problem+json"
    assert "Accept, Sec-Fetch-Mode" in answer.headers.get_list("vary")


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/me/nothing"])
async def test_below_api_everybody_gets_a_problem(client: AsyncClient, path: str) -> None:
    answer = await client.get(path, headers=BROWSER)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_wrong_method_is_a_page_that_names_the_right_ones_in_its_headers(
    client: AsyncClient,
) -> None:
    answer = await client.post("/docs", headers=BROWSER)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert "<h1>Method Not Allowed</h1>" in answer.text


@pytest.mark.parametrize("prefix", ["", "/outer"])
@pytest.mark.parametrize(
    "path", ["/x", "/x/", "/x/y", "/x%2Fy", "/client/x.js", "/docs-assets/a/b"]
)
async def test_the_links_of_the_page_hold_wherever_it_is(
    app: FastAPI, client: AsyncClient, prefix: str, path: str
) -> None:
    app.root_path = prefix
    page = await client.get(f"http://test{prefix}{path}", headers=BROWSER)
    links = re.findall(r'href="([^"]+)"', page.text)

    assert page.status_code == 404
    assert [urljoin(f"http://test{prefix}{path}", link) for link in links] == [
        f"http://test{prefix}/{name}"
        for name in ("client/style.css", "client/icon.svg", "", "docs")
    ]


async def test_the_links_of_the_page_lead_somewhere(client: AsyncClient) -> None:
    page = await client.get("/nothing", headers=BROWSER)

    for link in re.findall(r'href="([^"]+)"', page.text):
        assert (await client.get(urljoin("/nothing", link))).status_code == 200, link
