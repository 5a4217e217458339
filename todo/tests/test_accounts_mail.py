"""Mail over SMTP, to a real server on loopback."""

import ssl
from email.headerregistry import Address
from pathlib import Path

import pytest
import trustme
from mail_server import MailServer, mail_server
from staged import KEY

from todo.accounts import mail
from todo.accounts.mail import MailError, PrintedMail, SMTPMail, deliverable, mailer_of
from todo.settings import Settings

SENDER = Address("Todo", addr_spec="todo@example.com")
TO = "ada@example.com"


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A certificate authority that this process trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


def context_of(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def mailer(server: MailServer, security: str, *, user: str | None = None) -> SMTPMail:
    return SMTPMail(
        host="localhost",
        port=server.port,
        security=security,
        user=user,
        password=user and "kept to ourselves",
        sender=SENDER,
    )


async def test_a_mail_arrives_with_what_mails_have(post_office: MailServer) -> None:
    await mailer(post_office, "none").send(to=TO, subject="Hello, Ada", text="Grüße\n")

    (message,) = post_office.mails
    assert message["From"] == "Todo <todo@example.com>"
    assert (message["To"], message["Subject"]) == (TO, "Hello, Ada")
    assert message["Message-ID"].endswith("@example.com>")
    assert (message["Auto-Submitted"], "Date" in message) == ("auto-generated", True)
    assert message.get_content().splitlines() == ["Grüße"]


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_it_goes_encrypted_and_logged_in(authority: trustme.CA, security: str) -> None:
    at_once = security == "tls"
    async with mail_server(context_of(authority), from_the_start=at_once) as server:
        await mailer(server, security, user="todo").send(to=TO, subject="x", text="x")

    assert len(server.mails) == 1
    assert server.logins == [(b"todo", b"kept to ourselves")]


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_certificate_for_another_name_is_refused(
    authority: trustme.CA, security: str
) -> None:
    context = context_of(authority, "elsewhere.example.com")
    async with mail_server(context, from_the_start=security == "tls") as server:
        with pytest.raises(MailError):
            await mailer(server, security, user="todo").send(to=TO, subject="x", text="x")

    assert (server.mails, server.logins) == ([], [])


async def test_without_tls_on_the_other_side_nothing_is_sent(post_office: MailServer) -> None:
    with pytest.raises(MailError):
        await mailer(post_office, "starttls", user="todo").send(to=TO, subject="x", text="x")

    assert (post_office.mails, post_office.logins) == ([], [])


async def test_a_refusal_is_told_without_the_recipient(post_office: MailServer) -> None:
    post_office.response = f"550 {TO} is unknown here"

    with pytest.raises(MailError, match="did not take a mail: SMTPDataError 550") as caught:
        await mailer(post_office, "none").send(to=TO, subject="x", text="x")

    assert "ada" not in str(caught.value)


async def test_a_server_that_never_answers_is_given_up(
    post_office: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    post_office.may_go_on.clear()
    monkeypatch.setattr(mail, "DEADLINE", 0.2)

    with pytest.raises(MailError):
        await mailer(post_office, "none").send(to=TO, subject="x", text="x")


async def test_a_server_that_is_not_there_is_told(unused_tcp_port: int) -> None:
    there = MailServer(port=unused_tcp_port)

    with pytest.raises(MailError, match=f"localhost:{unused_tcp_port} did not take a mail"):
        await mailer(there, "none").send(to=TO, subject="x", text="x")


@pytest.mark.parametrize(
    ("address", "sent_to"),
    [
        ("ada@bücher.example.com", "ada@xn--bcher-kva.example.com"),
        ("jürgen@example.com", "jürgen@example.com"),
        ("Ada@Example.com", "Ada@example.com"),
    ],
)
async def test_an_address_of_any_script_gets_its_mail(
    post_office: MailServer, address: str, sent_to: str
) -> None:
    await mailer(post_office, "none").send(to=address, subject="x", text="x")

    assert post_office.mails[0]["To"] == deliverable(address).addr_spec == sent_to


def test_without_a_server_development_prints_and_production_sends_nothing() -> None:
    assert isinstance(mailer_of(Settings(jwt_secret_key=KEY)), PrintedMail)
    assert mailer_of(Settings(jwt_secret_key=KEY, app_env="production")) is None


@pytest.mark.parametrize(("security", "port"), [("tls", 465), ("starttls", 587), ("none", 25)])
def test_the_port_is_the_usual_one(security: str, port: int) -> None:
    settings = Settings(
        jwt_secret_key=KEY,
        smtp_host="mail.example.com",
        smtp_security=security,
        mail_from="todo@example.com",
    )

    found = mailer_of(settings)

    assert isinstance(found, SMTPMail)
    assert found.port == port


def test_the_password_is_in_no_text_about_it() -> None:
    assert "secret" not in repr(
        SMTPMail(host="h", port=1, security="tls", user="u", password="secret", sender=SENDER)
    )
