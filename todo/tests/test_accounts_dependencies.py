"""Who is asking: decided by the token alone, and by the path only where both agree."""

from typing import Any

from fastapi import FastAPI
from httpx2 import AsyncClient
from staged import StagedAccount

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
    answer = await client.get("/api/me/tasks", headers=account.headers)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["path.user_id"]


async def test_your_own_path_is_open(client: AsyncClient, account: StagedAccount) -> None:
    answer = await client.get(f"/api/{account.id}/tasks", headers=account.headers)

    assert answer.status_code == 200


def test_authorize_in_the_documentation_finds_the_login(app: FastAPI) -> None:
    schemes = app.openapi()["components"]["securitySchemes"]

    flow: dict[str, Any] = schemes["OAuth2PasswordBearer"]["flows"]["password"]
    # Relative to the document, so that it holds behind a proxy's prefix, too.
    assert flow["tokenUrl"] == "api/auth/login"
    assert f"/{flow['tokenUrl']}" in app.openapi()["paths"]
