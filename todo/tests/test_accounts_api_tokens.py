"""Personal API tokens: made, used, revoked."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlmodel import col, select, update
from staged import PASSWORD, StagedAccount
from task_api import TaskAPI

from todo.accounts.api_tokens import MOST, PREFIX, USE_NOTED_EVERY
from todo.accounts.models import ApiToken
from todo.models import new_id, utc_now
from wellhead import Database
from wellhead.testing.proxy import TCPProxy

TOKENS = "/api/auth/tokens"


async def post(client: AsyncClient, account: StagedAccount, **body: Any) -> Response:
    body = {"name": "Script", "scope": "write", **body}
    return await client.post(TOKENS, headers=account.headers, json=body)


async def make(client: AsyncClient, account: StagedAccount, **body: Any) -> dict[str, Any]:
    answer = await post(client, account, **body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def tasks(client: AsyncClient, account: StagedAccount, token: str) -> Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await client.get(f"/api/{account.id}/tasks", headers=headers)


def kind_of(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


async def test_a_token_is_shown_once_and_stored_as_a_hash(
    client: AsyncClient, account: StagedAccount, database: Database
) -> None:
    made = await make(client, account, name=" Backup ", scope="read", expires_in_days=30)
    listed = (await client.get(TOKENS, headers=account.headers)).json()["items"]

    secret = made.pop("token")
    assert secret.startswith(PREFIX)
    assert listed == [made]
    assert (made["name"], made["scope"], made["last_used_at"]) == ("Backup", "read", None)
    async with database.reader() as reader:
        row = (await reader.exec(select(ApiToken))).one()
    assert secret.encode() not in row.token_hash
    assert len(row.token_hash) == 32
    assert row.expires_at is not None
    assert row.expires_at - row.created_at == pytest.approx(
        timedelta(days=30), abs=timedelta(minutes=5)
    )


async def test_a_token_reads_and_writes_tasks_and_tags(
    client: AsyncClient, account: StagedAccount
) -> None:
    made = await make(client, account)
    headers = {"Authorization": f"bearer {made['token']}"}

    for path, body in (("tasks", {"title": "Buy bread"}), ("tags", {"name": "home"})):
        address = f"/api/{account.id}/{path}"
        created = await client.post(address, headers=headers, json=body)
        assert created.status_code == 201, created.text
        assert (await client.get(address, headers=headers)).json()["items"]


async def test_a_token_that_reads_cannot_write(
    app: FastAPI, client: AsyncClient, account: StagedAccount
) -> None:
    made = await make(client, account, scope="read")
    headers = {"Authorization": f"Bearer {made['token']}"}
    task = await TaskAPI(client, account).task(tags=["home"])
    names = {"user_id": account.id, "task_id": task["id"], "tag_id": task["tags"][0]["id"]}

    for path, operations in app.openapi()["paths"].items():
        if not path.startswith("/api/{user_id}/"):
            continue
        for method in operations:
            answer = await client.request(
                method.upper(), path.format(**names), headers=headers, json=None
            )
            if method == "get":
                assert answer.status_code == 200, path
            else:
                assert kind_of(answer) == (403, "urn:todo:api-token-read-only"), path


async def test_a_token_manages_no_account(
    app: FastAPI, client: AsyncClient, account: StagedAccount
) -> None:
    made = await make(client, account)
    headers = {"Authorization": f"Bearer {made['token']}"}
    refused = set()

    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            if path.startswith("/api/auth/") and operation.get("security"):
                address = path.format(login_id=new_id(), token_id=made["id"])
                answer = await client.request(method.upper(), address, headers=headers)
                refused.add(kind_of(answer))

    assert refused == {(403, "urn:todo:login-required")}


async def test_a_revoked_token_is_refused_at_once(
    client: AsyncClient, account: StagedAccount, other_account: StagedAccount
) -> None:
    made, other = await make(client, account), await make(client, account)
    address = f"{TOKENS}/{made['id']}"
    assert (await tasks(client, account, made["token"])).status_code == 200

    assert kind_of(await client.delete(address, headers=other_account.headers)) == (
        404,
        "urn:todo:api-token-not-found",
    )
    assert (await client.delete(address, headers=account.headers)).status_code == 204

    assert kind_of(await tasks(client, account, made["token"])) == (401, "urn:todo:token-invalid")
    assert (await tasks(client, account, other["token"])).status_code == 200
    assert (await client.delete(address, headers=account.headers)).status_code == 404


async def test_an_expired_token_is_refused(
    client: AsyncClient, account: StagedAccount, database: Database
) -> None:
    made = await make(client, account, expires_in_days=1)
    assert (await tasks(client, account, made["token"])).status_code == 200

    async with database.session() as session:
        await session.exec(update(ApiToken).values(expires_at=utc_now()))

    assert kind_of(await tasks(client, account, made["token"])) == (401, "urn:todo:token-invalid")


@pytest.mark.parametrize(
    "given", [PREFIX, PREFIX + "a" * 43, PREFIX + "a" * 60_000, PREFIX + "ä" * 43]
)
async def test_a_token_that_never_was_is_refused(
    client: AsyncClient, account: StagedAccount, given: str
) -> None:
    headers = {b"Authorization": f"Bearer {given}".encode("latin-1")}

    answer = await client.get(f"/api/{account.id}/tasks", headers=headers)

    assert kind_of(answer) == (401, "urn:todo:token-invalid")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_a_token_opens_only_its_own_account(
    client: AsyncClient, account: StagedAccount, other_account: StagedAccount
) -> None:
    made = await make(client, account)

    answer = await tasks(client, other_account, made["token"])

    assert kind_of(answer) == (403, "urn:todo:not-your-path")


async def last_use(client: AsyncClient, account: StagedAccount) -> Any:
    listed = (await client.get(TOKENS, headers=account.headers)).json()["items"]
    return listed[0]["last_used_at"]


async def test_its_use_is_noted_once_an_hour(
    client: AsyncClient, account: StagedAccount, database: Database
) -> None:
    made = await make(client, account)
    await tasks(client, account, made["token"])
    first = await last_use(client, account)
    await tasks(client, account, made["token"])
    again = await last_use(client, account)
    async with database.session() as session:
        earlier = col(ApiToken.last_used_at) - USE_NOTED_EVERY
        await session.exec(update(ApiToken).values(last_used_at=earlier))
    await tasks(client, account, made["token"])

    assert first == again is not None
    assert await last_use(client, account) > first


@pytest.mark.wellhead(commit=True)
async def test_an_account_has_only_so_many_even_if_they_are_made_at_once(
    client: AsyncClient, account: StagedAccount, database: Database
) -> None:
    async with database.session() as session:
        session.add_all(
            ApiToken(user_id=account.id, name="x", scope="read", token_hash=b"%d" % number)
            for number in range(MOST - 1)
        )

    answers = await asyncio.gather(*(post(client, account) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {kind_of(each) for each in answers if each.is_error} == {
        (409, "urn:todo:too-many-api-tokens")
    }


@pytest.mark.parametrize(
    "body",
    [
        {"name": " "},
        {"name": "a\nb"},
        {"name": "x" * 101},
        {"scope": "admin"},
        {"expires_in_days": 0},
        {"expires_in_days": 3651},
        {"expires_in_days": "soon"},
        {"owner": "x"},
    ],
)
async def test_what_is_no_token_is_refused(
    client: AsyncClient, account: StagedAccount, body: dict[str, Any]
) -> None:
    assert (await post(client, account, **body)).status_code == 422


async def test_a_token_outlives_logout_and_a_new_password_but_not_the_account(
    client: AsyncClient, account: StagedAccount
) -> None:
    made = await make(client, account)
    new = "another battery staple"
    changed = await client.post(
        "/api/auth/change-password",
        headers=account.headers,
        json={"current_password": PASSWORD, "new_password": new},
    )
    headers = {"Authorization": f"Bearer {changed.json()['access_token']}"}
    await client.post("/api/auth/logout", headers=headers)
    assert (await tasks(client, account, made["token"])).status_code == 200

    await client.post("/api/auth/delete-account", headers=headers, json={"password": new})

    assert kind_of(await tasks(client, account, made["token"])) == (401, "urn:todo:token-invalid")


class TestRoundTrips:
    """What looking a token up costs."""

    pytestmark = pytest.mark.wellhead(commit=True)

    @pytest.fixture
    def database(self, proxied_database: Database) -> Database:
        return proxied_database

    async def test_it_is_one_more_and_none_for_what_cannot_be_one(
        self, client: AsyncClient, account: StagedAccount, proxy: TCPProxy
    ) -> None:
        made = await make(client, account)
        costs = {}
        for token in (made["token"], account.access_token, PREFIX + "a" * 44):
            for _ in range(3):
                proxy.reset()
                await tasks(client, account, token)
            costs[token] = proxy.round_trips

        assert list(costs.values()) == [2, 1, 0]
