"""Changes of an account's name and e-mail address."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from staged import PASSWORD, StagedAccount, log_in

from todo.settings import Settings

OTHER = "another@example.com"


async def patch(client: AsyncClient, account: StagedAccount, **body: Any) -> Response:
    return await client.patch("/api/auth/me", headers=account.headers, json=body)


def kind_of(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


async def test_a_name_is_changed_kept_and_cleared(
    client: AsyncClient, account: StagedAccount
) -> None:
    changed = await patch(client, account, name="Ada")
    kept = await patch(client, account)
    cleared = await patch(client, account, name=None)

    assert changed.json()["name"] == kept.json()["name"] == "Ada"
    assert (cleared.status_code, cleared.json()["name"]) == (200, None)
    assert cleared.json()["email"] == account.email
    assert cleared.json()["id"] == str(account.id)


async def test_an_address_is_changed_with_the_password(
    client: AsyncClient, account: StagedAccount
) -> None:
    answer = await patch(client, account, email="Ada@Example.com", current_password=PASSWORD)

    assert answer.status_code == 200, answer.text
    assert answer.json()["email"] == "Ada@example.com"
    await log_in(client, "ada@example.com", PASSWORD)
    old = {"username": account.email, "password": PASSWORD}
    assert (await client.post("/api/auth/login", data=old)).status_code == 401


async def test_logins_outlive_a_new_address(client: AsyncClient, account: StagedAccount) -> None:
    await patch(client, account, email=OTHER, current_password=PASSWORD)

    refreshed = await client.post(
        "/api/auth/refresh", json={"refresh_token": account.refresh_token}
    )
    assert refreshed.status_code == 200


async def test_an_address_is_not_changed_without_the_password(
    client: AsyncClient, account: StagedAccount
) -> None:
    assert kind_of(await patch(client, account, email=OTHER)) == (422, "urn:todo:password-required")
    assert kind_of(await patch(client, account, email=OTHER, current_password="wrong")) == (
        403,
        "urn:todo:password-wrong",
    )
    answer = await client.get("/api/auth/me", headers=account.headers)
    assert answer.json()["email"] == account.email


async def test_the_same_address_needs_no_password(
    client: AsyncClient, account: StagedAccount
) -> None:
    answer = await patch(client, account, email=account.email, name="Ada")

    assert (answer.status_code, answer.json()["name"]) == (200, "Ada")


@pytest.mark.parametrize("spell", [str, str.upper])
async def test_a_taken_address_is_a_conflict(
    client: AsyncClient, account: StagedAccount, other_account: StagedAccount, spell: Any
) -> None:
    taken = spell(other_account.email)

    answer = await patch(client, account, email=taken, name="Ada", current_password=PASSWORD)

    assert kind_of(answer) == (409, "urn:todo:email-taken")
    assert (await patch(client, account)).json()["name"] is None


async def test_the_password_must_not_become_the_address(
    client: AsyncClient, account: StagedAccount
) -> None:
    answer = await patch(client, account, email="me@example.com", current_password="ME@example.com")

    assert kind_of(answer) == (422, "urn:todo:password-is-email")


@pytest.mark.parametrize(
    "body",
    [{"email": None}, {"email": "nobody"}, {"nickname": "x"}, {"name": "a\nb"}, {"name": 1}],
)
async def test_what_is_no_change_is_refused(
    client: AsyncClient, account: StagedAccount, body: dict[str, Any]
) -> None:
    assert (await patch(client, account, **body)).status_code == 422


class TestLimited:
    """Tries at the password are counted, as everywhere."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"login_attempts_per_account": "2 per day"})

    async def test_the_third_try_is_refused(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        for _ in range(2):
            await patch(client, account, email=OTHER, current_password="wrong")

        answer = await patch(client, account, email=OTHER, current_password=PASSWORD)

        assert kind_of(answer) == (429, "urn:todo:too-many-attempts")


async def test_a_deleted_account_cannot_be_changed(
    app: FastAPI, client: AsyncClient, account: StagedAccount
) -> None:
    del app
    await client.post(
        "/api/auth/delete-account", headers=account.headers, json={"password": PASSWORD}
    )

    assert kind_of(await patch(client, account, name="x")) == (401, "urn:todo:account-gone")
