"""What `/api/auth` costs, counted on the wire between the application and PostgreSQL."""

from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import AsyncClient
from pwdlib.hashers.argon2 import Argon2Hasher
from staged import StagedAccount, log_in, make_account

from wellhead import Database
from wellhead.testing.proxy import TCPProxy

pytestmark = pytest.mark.wellhead(commit=True)


@pytest.fixture
def database(proxied_database: Database) -> Database:
    return proxied_database


async def test_proving_who_asks_costs_nothing(
    client: AsyncClient, account: StagedAccount, other_account: StagedAccount, proxy: TCPProxy
) -> None:
    proxy.reset()

    await client.get(f"/api/{other_account.id}/tasks", headers=account.headers)
    await client.get("/api/auth/me", headers={"Authorization": "Bearer forged"})

    assert proxy.round_trips == 0


async def test_reading_the_account_costs_one(
    client: AsyncClient, account: StagedAccount, proxy: TCPProxy
) -> None:
    for _ in range(3):
        proxy.reset()
        await client.get("/api/auth/me", headers=account.headers)

    assert proxy.round_trips == 1


async def test_refreshing_costs_one(
    client: AsyncClient, account: StagedAccount, proxy: TCPProxy
) -> None:
    token = account.refresh_token
    for _ in range(3):
        proxy.reset()
        answer = await client.post("/api/auth/refresh", json={"refresh_token": token})
        token = answer.json()["refresh_token"]

    assert proxy.round_trips == 1


async def test_an_unknown_address_costs_as_much_as_a_wrong_password(
    client: AsyncClient, account: StagedAccount, proxy: TCPProxy
) -> None:
    costs = []
    for email in [account.email, "nobody@example.com"] * 3:
        proxy.reset()
        await client.post("/api/auth/login", data={"username": email, "password": "wrong"})
        costs.append(proxy.round_trips)

    known, unknown = costs[-2:]
    assert known == unknown > 0


async def test_no_connection_is_held_while_a_password_is_hashed(
    client: AsyncClient,
    account: StagedAccount,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked_out: list[int] = []

    def noting(name: str) -> Callable[..., Any]:
        original = getattr(Argon2Hasher, name)

        def noted(*arguments: Any, **named: Any) -> Any:
            checked_out.append(database.stats().checked_out)
            return original(*arguments, **named)

        return noted

    for name in ("hash", "verify"):
        monkeypatch.setattr(Argon2Hasher, name, noting(name))
    await make_account(client)
    await log_in(client, account.email, account.password)
    await client.post(
        "/api/auth/change-password",
        json={"current_password": account.password, "new_password": "another battery staple"},
        headers=account.headers,
    )

    assert checked_out == [0] * 5
