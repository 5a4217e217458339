"""A new password by mail."""

import asyncio
import logging
import re
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from mail_server import MailServer, all_sent, mailing_by
from sqlmodel import select, update
from staged import PASSWORD, StagedAccount, add_account, client_of, log_in, running

from todo.accounts.attempts import UNKNOWN_NETWORKS
from todo.accounts.models import PasswordReset
from todo.models import utc_now
from todo.settings import Settings
from wellhead import Database

NEW = "another battery staple"
LINK = re.compile(r"https://todo\.example\.com/app/#reset=(\S+)")
INVALID = (403, "urn:todo:reset-link-invalid")


@pytest.fixture
def settings(settings: Settings, post_office: MailServer) -> Settings:
    return mailing_by(post_office, settings)


async def forget(client: AsyncClient, email: str) -> Response:
    return await client.post("/api/auth/forgot-password", json={"email": email})


async def reset(client: AsyncClient, token: str, password: str = NEW) -> Response:
    body = {"token": token, "new_password": password}
    return await client.post("/api/auth/reset-password", json=body)


async def token_for(client: AsyncClient, post_office: MailServer, email: str) -> str:
    """The token of the mail that was asked for."""
    assert (await forget(client, email)).status_code == 202
    found = LINK.search((await post_office.mail()).get_content())
    assert found
    return found[1]


def kind_of(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


async def test_the_mailed_link_sets_a_new_password_once(
    client: AsyncClient, account: StagedAccount, post_office: MailServer
) -> None:
    token = await token_for(client, post_office, account.email.upper())

    assert post_office.mails[0]["To"] == account.email
    assert (await reset(client, token)).status_code == 204
    await log_in(client, account.email, NEW)
    assert kind_of(await reset(client, token, "a third one, please")) == INVALID


async def test_it_ends_every_login_api_token_and_other_link(
    client: AsyncClient, account: StagedAccount, post_office: MailServer
) -> None:
    made = await client.post(
        "/api/auth/tokens", headers=account.headers, json={"name": "x", "scope": "read"}
    )
    earlier = await token_for(client, post_office, account.email)
    token = await token_for(client, post_office, account.email)

    await reset(client, token)

    refreshed = {"refresh_token": account.refresh_token}
    assert (await client.post("/api/auth/refresh", json=refreshed)).status_code == 401
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    answer = await client.get(f"/api/{account.id}/tasks", headers=headers)
    assert answer.status_code == 401
    assert kind_of(await reset(client, earlier)) == INVALID


async def test_nobody_learns_whether_an_address_has_an_account(
    app: FastAPI, client: AsyncClient, account: StagedAccount, post_office: MailServer
) -> None:
    post_office.may_go_on.clear()
    answers = [await forget(client, email) for email in (account.email, "nobody@example.com")]

    # Both came although the mail server still holds the mail.
    known, unknown = answers
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    assert {*known.headers} == {*unknown.headers}
    await post_office.arrived.wait()
    post_office.may_go_on.set()
    await all_sent(app)
    assert len(post_office.mails) == 1


async def test_no_connection_is_held_while_a_mail_is_sent(
    client: AsyncClient, account: StagedAccount, post_office: MailServer, database: Database
) -> None:
    post_office.may_go_on.clear()
    await forget(client, account.email)
    await post_office.arrived.wait()

    assert database.stats().checked_out == 0
    post_office.may_go_on.set()


async def test_a_failing_mail_server_is_only_logged_without_the_address_and_the_token(
    app: FastAPI,
    client: AsyncClient,
    account: StagedAccount,
    post_office: MailServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    post_office.response = f"550 {account.email} is unknown here"

    answer = await forget(client, account.email)
    await all_sent(app)

    assert answer.status_code == 202
    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert "SMTPDataError 550" in record.getMessage()
    said = "".join(each.getMessage() for each in caplog.records if each.name.startswith("todo"))
    assert account.email not in said
    assert "todo_reset_" not in said


async def test_mails_in_progress_end_before_the_application(
    app: FastAPI, post_office: MailServer
) -> None:
    async with running(app) as client:
        account = await add_account(app)
        post_office.may_go_on.clear()
        await forget(client, account.email)
        await post_office.arrived.wait()
        asyncio.get_running_loop().call_soon(post_office.may_go_on.set)

    assert len(post_office.mails) == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("token", ["x", "todo_reset_" + "a" * 43, "ä" * 200])
async def test_a_token_that_never_was_is_refused(client: AsyncClient, token: str) -> None:
    assert kind_of(await reset(client, token)) == INVALID


async def test_an_expired_link_is_refused(
    client: AsyncClient, account: StagedAccount, post_office: MailServer, database: Database
) -> None:
    token = await token_for(client, post_office, account.email)
    async with database.session() as session:
        await session.exec(update(PasswordReset).values(expires_at=utc_now()))

    assert kind_of(await reset(client, token)) == INVALID


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "change-password", {"current_password": PASSWORD, "new_password": NEW}),
        ("PATCH", "me", {"current_password": PASSWORD, "email": "moved@example.com"}),
    ],
)
async def test_a_link_ends_with_a_new_password_or_address(
    client: AsyncClient,
    account: StagedAccount,
    post_office: MailServer,
    method: str,
    path: str,
    body: dict[str, Any],
) -> None:
    token = await token_for(client, post_office, account.email)
    changed = await client.request(method, f"/api/auth/{path}", headers=account.headers, json=body)
    assert changed.status_code == 200, changed.text

    assert kind_of(await reset(client, token)) == INVALID


async def test_the_new_password_must_not_be_the_address(
    client: AsyncClient, account: StagedAccount, post_office: MailServer
) -> None:
    token = await token_for(client, post_office, account.email)

    refused = await reset(client, token, account.email)

    assert kind_of(refused) == (422, "urn:todo:password-is-email")
    assert (await reset(client, token)).status_code == 204


async def test_only_its_hash_is_stored(
    client: AsyncClient, account: StagedAccount, post_office: MailServer, database: Database
) -> None:
    token = await token_for(client, post_office, account.email)

    async with database.reader() as reader:
        row = (await reader.exec(select(PasswordReset))).one()
    assert token.encode() not in row.token_hash
    assert len(row.token_hash) == 32


@pytest.mark.wellhead(commit=True)
async def test_of_two_new_passwords_at_once_one_wins(
    client: AsyncClient, account: StagedAccount, post_office: MailServer
) -> None:
    token = await token_for(client, post_office, account.email)

    answers = await asyncio.gather(*(reset(client, token, f"{NEW} {n}") for n in range(4)))

    assert sorted(answer.status_code for answer in answers) == [204, 403, 403, 403]


class TestAttacked:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"login_attempts_per_account": "1 per day"})

    async def test_the_owner_can_log_in_from_where_the_link_was_used(
        self, app: FastAPI, client: AsyncClient, account: StagedAccount, post_office: MailServer
    ) -> None:
        token = await token_for(client, post_office, account.email)
        async with client_of(app, address="203.0.113.1") as owner:
            assert (await reset(owner, token)).status_code == 204
            wrong = {"username": account.email, "password": "wrong"}
            statuses = []
            for number in range(UNKNOWN_NETWORKS + 1):
                async with client_of(app, address=f"198.51.100.{number}") as stranger:
                    answer = await stranger.post("/api/auth/login", data=wrong)
                    statuses.append(answer.status_code)

            assert statuses == [401] * UNKNOWN_NETWORKS + [429]
            await log_in(owner, account.email, NEW)


class TestLimited:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        limits = {"resets_per_account": "2 per day", "resets_per_address": "5 per day"}
        return settings.model_copy(update=limits)

    async def test_an_account_and_a_client_can_ask_only_so_often(
        self, app: FastAPI, client: AsyncClient, account: StagedAccount
    ) -> None:
        statuses = []
        for email in [account.email] * 3 + ["nobody@example.com"] * 3:
            statuses.append((await forget(client, email)).status_code)  # noqa: PERF401

        assert statuses == [202, 202, 429, 202, 202, 429]
        await all_sent(app)


class TestWithoutAServer:
    @pytest.fixture
    def settings(self, settings: Settings, environment: str) -> Settings:
        return settings.model_copy(update={"smtp_host": None, "app_env": environment})

    @pytest.fixture
    def environment(self) -> str:
        return "production"

    async def test_the_route_says_so(self, client: AsyncClient) -> None:
        assert kind_of(await forget(client, "ada@example.com")) == (
            404,
            "urn:todo:password-reset-unavailable",
        )

    @pytest.mark.parametrize("environment", ["development"])
    async def test_development_shows_the_mail_in_the_log(
        self,
        app: FastAPI,
        client: AsyncClient,
        account: StagedAccount,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        await forget(client, account.email)
        await all_sent(app)

        found = LINK.search(caplog.text)
        assert found
        assert (await reset(client, found[1])).status_code == 204
