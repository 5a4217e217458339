"""Who is asking: decided by the token alone, and by the path only where both agree."""

from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from staged import StagedAccount
from writes import Connection, World, done_by

from todo.models import new_id


async def test_another_user_s_path_is_forbidden(
    client: AsyncClient, account: StagedAccount, other_account: StagedAccount
) -> None:
    answer = await client.get(f"/api/{other_account.id}/tasks", headers=account.headers)

    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:todo:not-your-path"


async def test_a_path_of_nobody_is_forbidden_just_the_same(
    client: AsyncClient, account: StagedAccount
) -> None:
    answer = await client.get(f"/api/{new_id()}/tasks", headers=account.headers)

    assert answer.status_code == 403


async def test_a_path_without_a_token_is_unauthorized(
    client: AsyncClient, account: StagedAccount
) -> None:
    answer = await client.get(f"/api/{account.id}/tasks")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["type"] == "urn:todo:token-missing"


async def test_a_malformed_id_in_the_path_is_refused_by_name(
    client: AsyncClient, account: StagedAccount
) -> None:
    for word in ("you", "ME", "me%20", "%00", "0190a0b0", "*"):
        answer = await client.get(f"/api/{word}/tasks", headers=account.headers)

        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == ["path.user_id"]


async def test_your_own_path_is_open(client: AsyncClient, account: StagedAccount) -> None:
    answer = await client.get(f"/api/{account.id}/tasks", headers=account.headers)

    assert answer.status_code == 200


async def test_me_without_a_token_is_unauthorized(client: AsyncClient) -> None:
    answer = await client.get("/api/me/tasks")

    assert answer.status_code == 401


@pytest.mark.wellhead(commit=True)
async def test_every_path_below_your_id_is_the_same_below_me(
    app: FastAPI, client: AsyncClient, server: Connection
) -> None:
    routes = [
        f"{method.upper()} {path}"
        for path, operations in app.openapi()["paths"].items()
        for method in operations
        if "{user_id}" in path
    ]
    for route in routes:
        by_id = await done_by(await World.make(app, client), server, route)
        mine = replace(await World.make(app, client), user_id="me")
        by_word = await done_by(mine, server, route)

        assert by_word == by_id, route
        assert 200 <= by_word[0][0] < 300, (route, by_word)


async def test_a_response_keeps_the_form_of_the_path_that_was_asked_for(
    client: AsyncClient, account: StagedAccount
) -> None:
    for owner in ("me", str(account.id)):
        for kind, body in (("tasks", {"title": "Buy milk"}), ("tags", {"name": owner})):
            created = await client.post(f"/api/{owner}/{kind}", json=body, headers=account.headers)

            location = created.headers["Location"]
            assert location == f"/api/{owner}/{kind}/{created.json()['id']}"
            assert (await client.get(location, headers=account.headers)).json() == created.json()

    page = await client.get("/api/me/tasks?limit=1", headers=account.headers)
    following = page.url.join(page.links["next"]["url"])
    assert following.path == "/api/me/tasks"
    rest = await client.get(following, headers=account.headers)
    assert [task["id"] for task in rest.json()["items"]] != [
        task["id"] for task in page.json()["items"]
    ]


def test_authorize_in_the_documentation_finds_the_login(app: FastAPI) -> None:
    schemes = app.openapi()["components"]["securitySchemes"]

    flow: dict[str, Any] = schemes["OAuth2PasswordBearer"]["flows"]["password"]
    # Relative to the document, so that it holds behind a proxy's prefix, too.
    assert flow["tokenUrl"] == "api/auth/login"
    assert f"/{flow['tokenUrl']}" in app.openapi()["paths"]
