"""What the owner of an account is told after a change that someone else may have made."""

import re
from email.message import EmailMessage
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from mail_server import MailServer, all_sent, mailing_by
from staged import PASSWORD, StagedAccount

from todo.accounts.secret_tokens import SecretToken
from todo.settings import Settings
from wellhead import Database

NEW = "another battery staple"
OTHER = "moved@example.com"


@pytest.fixture
def settings(settings: Settings, post_office: MailServer) -> Settings:
    return mailing_by(post_office, settings).model_copy(update={"app_name": "Tasks {of} ours"})


async def change_email(client: AsyncClient, account: StagedAccount, **changes: Any) -> Response:
    body = {"email": OTHER, "current_password": PASSWORD, **changes}
    return await client.patch("/api/auth/me", headers=account.headers, json=body)


async def change_password(client: AsyncClient, account: StagedAccount, new: str = NEW) -> Response:
    body = {"current_password": PASSWORD, "new_password": new}
    return await client.post("/api/auth/change-password", headers=account.headers, json=body)


async def reset(client: AsyncClient, token: str) -> Response:
    body = {"token": token, "new_password": NEW}
    return await client.post("/api/auth/reset-password", json=body)


async def sent(app: FastAPI, post_office: MailServer) -> list[EmailMessage]:
    """All mails, after those in progress."""
    await all_sent(app)
    return post_office.mails


def words(mail: EmailMessage) -> str:
    return " ".join(mail.get_content().split())


async def test_the_old_address_is_told_of_a_new_one(
    app: FastAPI, client: AsyncClient, account: StagedAccount, post_office: MailServer
) -> None:
    assert (await change_email(client, account)).status_code == 200

    [mail] = await sent(app, post_office)
    assert mail["To"] == account.email
    assert mail["Subject"] == "The e-mail address of your account at Tasks {of} ours was changed"
    assert re.match(r"At \d{4}-\d\d-\d\d \d\d:\d\d UTC the e-mail address of your", words(mail))
    assert "If it was not you, someone knows your password." in words(mail)
    assert OTHER not in str(mail)
    assert PASSWORD not in str(mail)


async def test_the_owner_is_told_of_a_new_password(
    app: FastAPI, client: AsyncClient, account: StagedAccount, post_office: MailServer
) -> None:
    answer = await change_password(client, account)

    [mail] = await sent(app, post_office)
    assert mail["To"] == account.email
    assert mail["Subject"] == "The password of your account at Tasks {of} ours was changed"
    assert re.match(r"At \d{4}-\d\d-\d\d \d\d:\d\d UTC the password of your account", words(mail))
    assert "ask for a new password at https://todo.example.com/app at once" in words(mail)
    secrets = (NEW, PASSWORD, answer.json()["access_token"], answer.json()["refresh_token"])
    assert not [each for each in secrets if each in str(mail)]


async def test_the_owner_is_told_of_a_password_that_was_set_by_a_link(
    app: FastAPI, client: AsyncClient, account: StagedAccount, post_office: MailServer
) -> None:
    await client.post("/api/auth/forgot-password", json={"email": account.email})
    [link] = await sent(app, post_office)
    [token] = re.findall(r"#reset=(\S+)", link.get_content())

    assert (await reset(client, token)).status_code == 204

    _, notice = await sent(app, post_office)
    assert notice["To"] == account.email
    assert notice["Subject"].startswith("The password of your account")
    assert token not in str(notice)
    assert NEW not in str(notice)


async def test_nobody_is_told_of_what_was_not_changed(
    app: FastAPI,
    client: AsyncClient,
    account: StagedAccount,
    other_account: StagedAccount,
    post_office: MailServer,
) -> None:
    answers = [
        await change_email(client, account, current_password="wrong"),
        await change_email(client, account, email=other_account.email),
        await change_email(client, account, email=account.email, name="Ada"),
        await change_password(client, account, new=account.email),
        await reset(client, SecretToken.new("todo_reset_").text),
    ]

    assert [answer.status_code for answer in answers] == [403, 409, 200, 422, 403]
    assert await sent(app, post_office) == []


async def test_the_response_comes_before_the_mail(
    app: FastAPI,
    client: AsyncClient,
    account: StagedAccount,
    post_office: MailServer,
    database: Database,
) -> None:
    post_office.may_go_on.clear()

    assert (await change_password(client, account)).status_code == 200
    await post_office.arrived.wait()
    assert database.stats().checked_out == 0
    post_office.may_go_on.set()
    assert len(await sent(app, post_office)) == 1


async def test_a_mail_server_that_fails_does_not_undo_the_change(
    app: FastAPI,
    client: AsyncClient,
    account: StagedAccount,
    post_office: MailServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    post_office.response = f"550 {account.email} is unknown here"

    assert (await change_email(client, account)).status_code == 200
    await sent(app, post_office)

    messages = [each.getMessage() for each in caplog.records if each.name.startswith("todo")]
    [line] = [each for each in messages if "not mailed" in each]
    assert line.startswith("A notice of a changed account was not mailed: localhost:")
    assert account.email not in "".join(messages)


class TestLimited:
    """Notices, too, could flood the mailbox of someone who has nothing to do with the account."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"resets_per_account": "2 per day"})

    async def test_an_address_is_told_only_so_often(
        self, app: FastAPI, client: AsyncClient, account: StagedAccount, post_office: MailServer
    ) -> None:
        for email in [OTHER, account.email] * 3:
            assert (await change_email(client, account, email=email)).status_code == 200
            await sent(app, post_office)

        told = [str(mail["To"]) for mail in post_office.mails]
        assert sorted(told) == sorted([account.email, OTHER] * 2)


class TestWithoutAServer:
    @pytest.fixture
    def settings(self, settings: Settings, environment: str) -> Settings:
        return settings.model_copy(update={"smtp_host": None, "app_env": environment})

    @pytest.mark.parametrize("environment", ["production", "development"])
    async def test_only_development_shows_the_mail_in_the_log(
        self,
        app: FastAPI,
        client: AsyncClient,
        account: StagedAccount,
        environment: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        assert (await change_email(client, account)).status_code == 200
        await all_sent(app)

        is_shown = f"To: {account.email}\nSubject: The e-mail address" in caplog.text
        assert is_shown is (environment == "development")
