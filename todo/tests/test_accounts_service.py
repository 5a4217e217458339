"""Proofs of a password that race with each other, with new hashes and with changes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeAlias

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from staged import PASSWORD, StagedAccount, add_account, log_in, running
from writes import Connection

from tests.staging.patience import until
from todo.accounts.passwords import Verdict
from todo.accounts.service import Accounts
from todo.main import create_app
from todo.settings import Settings
from wellhead import Database

pytestmark = pytest.mark.wellhead(commit=True)

NEW_PASSWORD = "a new battery staple"

Renewing: TypeAlias = tuple[FastAPI, AsyncClient]
Act: TypeAlias = Callable[[AsyncClient, StagedAccount], Coroutine[Any, Any, Response]]


@pytest.fixture
async def renewing(
    client: AsyncClient, settings: Settings, database: Database
) -> AsyncIterator[Renewing]:
    """A process whose settings demand more work of a hash than is stored."""
    del client
    dearer = settings.model_copy(update={"argon2_memory_kib": 8 * 1024})
    app = create_app(dearer, Database(database.settings))
    async with running(app) as client:
        yield app, client


class HeldProofs:
    """Lets no proof of a process end before so many have begun, with what each has read."""

    def __init__(self, app: FastAPI, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        accounts: Accounts = app.state.accounts
        self._verify = accounts.passwords.verify
        self._number = number
        self._begun = 0
        self._all_begun = asyncio.Event()
        monkeypatch.setattr(accounts.passwords, "verify", self._held)

    async def overtake(
        self, first: Coroutine[Any, Any, Response], by: Coroutine[Any, Any, Response]
    ) -> Response:
        """Let another process do something while the first one's proof is held."""
        overtaken = asyncio.create_task(first)
        await until(lambda: self._begun > 0)
        assert (await by).is_success
        self._all_begun.set()
        return await overtaken

    async def _held(self, password: str, stored: str | None) -> Verdict:
        self._begun += 1
        if self._begun == self._number:
            self._all_begun.set()
        await self._all_begun.wait()
        return await self._verify(password, stored)


@pytest.fixture
def held(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> HeldProofs:
    return HeldProofs(app, monkeypatch, 2)


async def try_login(client: AsyncClient, account: StagedAccount) -> Response:
    form = {"username": account.email, "password": account.password}
    return await client.post("/api/auth/login", data=form)


async def change(client: AsyncClient, account: StagedAccount, new: str = NEW_PASSWORD) -> Response:
    return await client.post(
        "/api/auth/change-password",
        json={"current_password": account.password, "new_password": new},
        headers=account.headers,
    )


async def move(client: AsyncClient, account: StagedAccount) -> Response:
    return await client.patch(
        "/api/auth/me",
        json={"email": f"moved-{account.email}", "current_password": account.password},
        headers=account.headers,
    )


async def delete(client: AsyncClient, account: StagedAccount) -> Response:
    return await client.post(
        "/api/auth/delete-account", json={"password": account.password}, headers=account.headers
    )


async def test_of_many_logins_that_renew_the_hash_all_succeed(
    account: StagedAccount,
    renewing: Renewing,
    server: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, client = renewing
    HeldProofs(app, monkeypatch, 4)

    answers = await asyncio.gather(*(try_login(client, account) for _ in range(4)))

    assert [answer.status_code for answer in answers] == [200] * 4
    assert "m=8192" in await server.fetchval("SELECT password_hash FROM users")
    await log_in(client, account.email, account.password)


@pytest.mark.parametrize(("act", "status"), [(change, 200), (move, 200), (delete, 204)])
async def test_a_change_or_deletion_that_a_renewed_hash_overtakes_succeeds(
    account: StagedAccount,
    client: AsyncClient,
    renewing: Renewing,
    held: HeldProofs,
    act: Act,
    status: int,
) -> None:
    _, elsewhere = renewing
    overtaken = await held.overtake(act(client, account), try_login(elsewhere, account))

    assert overtaken.status_code == status


@pytest.mark.parametrize("act", [try_login, move])
async def test_a_right_password_is_right_when_it_is_set_again_meanwhile(
    account: StagedAccount,
    client: AsyncClient,
    renewing: Renewing,
    held: HeldProofs,
    act: Act,
) -> None:
    _, elsewhere = renewing
    overtaken = await held.overtake(act(client, account), change(elsewhere, account, PASSWORD))

    assert overtaken.status_code == 200


@pytest.mark.parametrize(
    ("act", "status"),
    [(try_login, 401), (change, 403), (move, 403), (delete, 403)],
    ids=["login", "change", "move", "delete"],
)
async def test_the_old_password_does_nothing_once_it_has_changed(
    account: StagedAccount,
    client: AsyncClient,
    renewing: Renewing,
    held: HeldProofs,
    act: Act,
    status: int,
) -> None:
    _, elsewhere = renewing
    overtaken = await held.overtake(act(client, account), change(elsewhere, account))

    assert overtaken.status_code == status
    await log_in(elsewhere, account.email, NEW_PASSWORD)


async def test_of_two_deletions_at_once_both_find_the_account_gone(
    app: FastAPI, client: AsyncClient, held: HeldProofs
) -> None:
    del held
    account = await add_account(app)

    answers = await asyncio.gather(*(delete(client, account) for _ in range(2)))

    assert [answer.status_code for answer in answers] == [204, 204]
