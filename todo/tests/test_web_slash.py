"""A slash at the end of a path changes nothing: no redirect, no other response, no second route."""

import re
from collections.abc import Iterator, Mapping

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from staged import StagedAccount
from task_api import TaskAPI

from todo.models import new_id

OTHERS_EACH_TIME = {"date", "x-request-id"}
OF_NOW = re.compile(rb'"exported_at": "[^"]+"')


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


def requests_of(app: FastAPI, user: object) -> Iterator[tuple[str, str]]:
    """A method and a path of each operation; the root's is a slash already."""
    for template, item in app.openapi()["paths"].items():
        path = re.sub(r"{user_id}", str(user), template)
        path = re.sub(r"{\w+}", lambda _: str(new_id()), path)
        yield from ((method.upper(), path) for method in item if path != "/")


def seen(response: Response) -> tuple[int, Mapping[str, str], object]:
    """What a client sees, but for what differs each time: the figures of a probe, for instance."""
    is_probe = response.url.path.startswith(("/health", "/db"))
    ignored = OTHERS_EACH_TIME | ({"content-length"} if is_probe else set())
    headers = {name: response.headers[name] for name in response.headers.keys() - ignored}
    body = sorted(response.json()) if is_probe else OF_NOW.sub(b"", response.content)
    return response.status_code, headers, body


async def test_every_operation_answers_a_stranger_at_both_paths_alike(
    app: FastAPI, client: AsyncClient
) -> None:
    for method, path in requests_of(app, new_id()):
        answers = [await client.request(method, each) for each in (path, f"{path}/")]

        assert seen(answers[0]) == seen(answers[1]), (method, path)
        assert answers[0].status_code in {200, 401, 422}


async def test_every_operation_answers_its_owner_at_both_paths_alike(
    app: FastAPI, client: AsyncClient, account: StagedAccount
) -> None:
    for method, path in requests_of(app, account.id):
        if path.startswith("/api/auth"):
            continue
        answers = [
            await client.request(method, each, headers=account.headers)
            for each in (path, f"{path}/")
        ]

        assert seen(answers[0]) == seen(answers[1]), (method, path)
        assert answers[0].status_code != 401


async def test_what_is_made_at_the_longer_path_is_found_at_both(api: TaskAPI) -> None:
    made = await api.send("POST", "/tasks/", json={"title": "Buy milk"})
    await api.expect(201, "POST", "/tags/", json={"name": "home"})
    task = f"/tasks/{made.json()['id']}"

    assert made.status_code == 201
    assert made.headers["location"].endswith(task)
    assert (await api.expect(200, "GET", f"{task}/"))["title"] == "Buy milk"
    assert (await api.expect(200, "PATCH", f"{task}/complete/"))["completed"]
    assert len((await api.expect(200, "GET", "/tasks/"))["items"]) == 1
    await api.expect(204, "DELETE", f"{task}/")
    await api.expect(404, "GET", task)


async def test_a_page_links_to_the_next_one_from_the_longer_path(
    client: AsyncClient, account: StagedAccount, api: TaskAPI
) -> None:
    await api.task("first")
    await api.task("second")
    page = await api.send("GET", "/tasks/", params={"limit": 1, "sort": "title"})
    following = page.url.join(page.links["next"]["url"])

    assert following.path.endswith("/tasks/")
    answer = await client.get(following, headers=account.headers)
    assert [task["title"] for task in answer.json()["items"]] == ["second"]


async def test_a_key_is_the_same_request_s_at_both_paths(api: TaskAPI) -> None:
    body, headers = {"title": "once"}, {"Idempotency-Key": "k"}
    answers = [
        await api.send("POST", path, json=body, headers=headers) for path in ("/tasks/", "/tasks")
    ]

    assert answers[0].json() == answers[1].json()
    assert "idempotency-replayed" in answers[1].headers


@pytest.mark.parametrize(
    "path", ["/nowhere/", "/api/", "/health//", "//", "/api/someone/tasks//", "/docs-assets/"]
)
async def test_a_path_of_no_route_is_not_found(client: AsyncClient, path: str) -> None:
    assert (await client.get(f"http://test{path}")).status_code == 404


async def test_below_a_proxy_s_prefix_it_changes_nothing_either(
    app: FastAPI, client: AsyncClient
) -> None:
    app.root_path = "/outer"

    assert (await client.get("/outer/health/")).json()["status"] == "alive"
    assert (await client.get("/outer/")).json()["docs"] == "/docs"


def test_the_document_names_each_path_once(app: FastAPI) -> None:
    paths = app.openapi()["paths"]

    assert [path for path in paths if path.endswith("/")] == ["/"]


async def test_a_request_without_the_slash_never_comes_to_the_second_look(
    app: FastAPI, api: TaskAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(app.router, "default")

    assert (await api.send("GET", "/tasks")).status_code == 200
