"""Logins, listed and ended one by one."""

from typing import Any

from httpx2 import AsyncClient, Response
from staged import PASSWORD, StagedAccount

from todo.models import new_id

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def log_in(client: AsyncClient, account: StagedAccount, user_agent: str) -> dict[str, str]:
    answer = await client.post(
        "/api/auth/login",
        data={"username": account.email, "password": PASSWORD},
        headers={"User-Agent": user_agent},
    )
    tokens: dict[str, str] = answer.raise_for_status().json()
    return tokens


async def listed(client: AsyncClient, account: StagedAccount, **query: Any) -> dict[str, Any]:
    answer = await client.get("/api/auth/logins", headers=account.headers, params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def end(client: AsyncClient, account: StagedAccount, login_id: object) -> Response:
    return await client.delete(f"/api/auth/logins/{login_id}", headers=account.headers)


async def test_logins_are_listed_newest_first_with_where_they_began(
    client: AsyncClient, account: StagedAccount, other_account: StagedAccount
) -> None:
    await log_in(client, account, FIREFOX)
    await log_in(client, other_account, "curl/8")

    newest, first = (await listed(client, account))["items"]

    assert newest["device"] == "Firefox on Linux"
    assert newest["network"] == "192.0.2.1"
    assert [newest["is_current"], first["is_current"]] == [False, True]
    assert first["device"] is None
    assert newest["created_at"] <= newest["last_used_at"] < newest["expires_at"]
    assert set(newest) == {
        "id", "is_current", "device", "network", "created_at", "last_used_at", "expires_at"
    }  # fmt: skip


async def test_a_page_leads_to_the_next(client: AsyncClient, account: StagedAccount) -> None:
    for number in range(2):
        await log_in(client, account, f"app{number}")

    first = await listed(client, account, limit=2)
    second = await listed(client, account, limit=2, cursor=first["next_cursor"])

    devices = [[login["device"] for login in page["items"]] for page in (first, second)]
    assert devices == [["app1", "app0"], [None]]
    assert second["next_cursor"] is None


async def test_an_ended_login_is_over_and_the_others_go_on(
    client: AsyncClient, account: StagedAccount
) -> None:
    other = await log_in(client, account, "curl/8")
    login_id = (await listed(client, account))["items"][0]["id"]

    assert (await end(client, account, login_id)).status_code == 204

    over = await client.post("/api/auth/refresh", json={"refresh_token": other["refresh_token"]})
    assert (over.status_code, over.json()["type"]) == (401, "urn:todo:login-over")
    mine = {"refresh_token": account.refresh_token}
    assert (await client.post("/api/auth/refresh", json=mine)).status_code == 200
    assert len((await listed(client, account))["items"]) == 1
    assert (await end(client, account, login_id)).status_code == 404


async def test_a_login_of_somebody_else_is_none(
    client: AsyncClient, account: StagedAccount, other_account: StagedAccount
) -> None:
    login_id = (await listed(client, other_account))["items"][0]["id"]

    answers = [await end(client, account, each) for each in (login_id, new_id())]

    assert [answer.json()["type"] for answer in answers] == ["urn:todo:login-not-found"] * 2
    assert len((await listed(client, other_account))["items"]) == 1


async def test_a_changed_cursor_is_refused(client: AsyncClient, account: StagedAccount) -> None:
    answer = await client.get(
        "/api/auth/logins", headers=account.headers, params={"cursor": "AAAA"}
    )

    assert answer.status_code == 422
