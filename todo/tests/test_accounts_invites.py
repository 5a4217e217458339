"""Who can register, and with which invite."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlmodel import select
from staged import PASSWORD, StagedAccount, log_in

from todo.accounts.invites import invite
from todo.accounts.models import Invite, User
from todo.settings import Settings
from wellhead import Database
from wellhead.testing.proxy import TCPProxy

WEEK = timedelta(days=7)
EMAIL = "ada@example.com"


async def register(client: AsyncClient, email: str = EMAIL, **more: Any) -> Response:
    headers = {"Idempotency-Key": more.pop("key")} if "key" in more else {}
    body = {"email": email, "password": PASSWORD, **more}
    return await client.post("/api/auth/register", json=body, headers=headers)


def kind_of(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


INVALID = (403, "urn:todo:invite-invalid")


class TestClosed:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"registration": "closed"})

    async def test_nobody_registers_and_everybody_else_logs_in(
        self, client: AsyncClient, account: StagedAccount
    ) -> None:
        assert kind_of(await register(client)) == (403, "urn:todo:registration-closed")
        await log_in(client, account.email, PASSWORD)


async def test_where_everybody_registers_an_invite_is_not_looked_at(client: AsyncClient) -> None:
    assert (await register(client, invite="whatever")).status_code == 201


class TestInvited:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"registration": "invite"})

    async def test_an_invite_is_needed(self, client: AsyncClient) -> None:
        assert kind_of(await register(client)) == (403, "urn:todo:invite-required")
        assert kind_of(await register(client, invite="todo_invite_x")) == INVALID
        assert kind_of(await register(client, invite="x", key="1")) == INVALID

    @pytest.mark.parametrize("keys", [[{}, {}], [{"key": "1"}, {"key": "2"}]])
    async def test_it_works_once(
        self, client: AsyncClient, opened: Database, keys: list[dict[str, str]]
    ) -> None:
        text = await invite(opened, email=None, lifetime=WEEK)

        first = await register(client, invite=text, **keys[0])
        second = await register(client, "bob@example.com", invite=text, **keys[1])

        assert first.status_code == 201, first.text
        assert kind_of(second) == INVALID
        await log_in(client, EMAIL, PASSWORD)

    async def test_it_is_used_up_even_if_the_account_is_deleted(
        self, client: AsyncClient, opened: Database
    ) -> None:
        text = await invite(opened, email=None, lifetime=WEEK)
        await register(client, invite=text)
        token = (await log_in(client, EMAIL, PASSWORD))["access_token"]
        await client.post(
            "/api/auth/delete-account",
            headers={"Authorization": f"Bearer {token}"},
            json={"password": PASSWORD},
        )

        assert kind_of(await register(client, invite=text)) == INVALID

    async def test_a_refused_registration_does_not_use_it_up(
        self, client: AsyncClient, opened: Database, account: StagedAccount
    ) -> None:
        text = await invite(opened, email=None, lifetime=WEEK)

        taken = await register(client, account.email, invite=text)

        assert kind_of(taken) == (409, "urn:todo:email-taken")
        assert (await register(client, invite=text)).status_code == 201

    async def test_one_for_an_address_is_for_nobody_else(
        self, client: AsyncClient, opened: Database
    ) -> None:
        text = await invite(opened, email="ADA@example.com", lifetime=WEEK)

        assert kind_of(await register(client, "bob@example.com", invite=text)) == INVALID
        assert (await register(client, invite=text)).status_code == 201

    async def test_an_expired_one_is_refused(self, client: AsyncClient, opened: Database) -> None:
        text = await invite(opened, email=None, lifetime=timedelta())

        assert kind_of(await register(client, invite=text)) == INVALID

    async def test_only_its_hash_is_stored(self, opened: Database) -> None:
        text = await invite(opened, email=None, lifetime=WEEK)

        async with opened.reader() as reader:
            row = (await reader.exec(select(Invite))).one()
        assert text.encode() not in row.token_hash

    async def test_a_repeated_registration_gets_the_first_response(
        self, client: AsyncClient, opened: Database
    ) -> None:
        text = await invite(opened, email=None, lifetime=WEEK)

        first = await register(client, invite=text, key="1")
        again = await register(client, invite=text, key="1")

        assert (again.status_code, again.text) == (201, first.text)
        assert again.headers["idempotency-replayed"] == "true"

    @pytest.mark.wellhead(commit=True)
    @pytest.mark.parametrize("keys", ["abcde", None])
    async def test_of_many_at_once_one_gets_in(
        self, client: AsyncClient, opened: Database, keys: str | None
    ) -> None:
        text = await invite(opened, email=None, lifetime=WEEK)

        answers = await asyncio.gather(
            *(
                register(
                    client,
                    f"person-{number}@example.com",
                    invite=text,
                    **({} if keys is None else {"key": keys[number]}),
                )
                for number in range(5)
            )
        )

        assert sorted(each.status_code for each in answers) == [201, 403, 403, 403, 403]
        async with opened.reader() as reader:
            assert len((await reader.exec(select(User.id))).all()) == 1


@pytest.mark.wellhead(commit=True)
class TestLost:
    """The network breaks while the account is created."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"registration": "invite"})

    @pytest.fixture
    def database(self, proxied_database: Database) -> Database:
        return proxied_database

    @pytest.mark.parametrize("passes", [True, False])
    @pytest.mark.parametrize("key", [{}, {"key": "1"}])
    async def test_neither_the_invite_is_lost_nor_are_two_accounts_made(
        self,
        app: FastAPI,
        client: AsyncClient,
        database: Database,
        proxy: TCPProxy,
        key: dict[str, str],
        *,
        passes: bool,
    ) -> None:
        del app
        text = await invite(database, email=None, lifetime=WEEK)
        broken = proxy.break_at(EMAIL.encode(), passes=passes)

        answer = await register(client, invite=text, **key)

        assert broken.is_set()
        assert answer.status_code == 201, answer.text
        await log_in(client, EMAIL, PASSWORD)
        assert kind_of(await register(client, "bob@example.com", invite=text)) == INVALID
