"""A real SMTP server on loopback that keeps what it is sent, or refuses it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from fastapi import FastAPI

from todo.accounts.outgoing import OutgoingMail
from todo.settings import Settings


@dataclass
class MailServer:
    """What the server has seen.

    Attributes:
        response: Its reply to each mail.
        port: Where it listens.
        logins: The names and passwords that clients logged in with.
        arrived: Set when a mail was sent to it.
        may_go_on: Cleared, it takes a mail and does not reply.
    """

    response: str = "250 OK"
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail."""
        del server, session
        assert isinstance(envelope.content, bytes)
        message = BytesParser(_class=EmailMessage, policy=default).parsebytes(envelope.content)
        self.mails.append(message)
        self.arrived.set()
        await self.may_go_on.wait()
        return self.response

    def log_in(
        self, server: SMTP, session: Session, envelope: Envelope, kind: str, given: Any
    ) -> AuthResult:
        """Let everybody in, and note who they say they are."""
        del server, session, envelope, kind
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login, given.password))
        return AuthResult(success=True)

    async def mail(self) -> EmailMessage:
        """The next mail, as soon as it is there."""
        await self.arrived.wait()
        self.arrived.clear()
        return self.mails[-1]


@asynccontextmanager
async def mail_server(
    tls: ssl.SSLContext | None = None, *, from_the_start: bool = False
) -> AsyncIterator[MailServer]:
    """Run a server, with STARTTLS or TLS from the start if it has a certificate."""
    handler = MailServer()
    handler.may_go_on.set()

    def connected() -> SMTP:
        return SMTP(
            handler,
            hostname="localhost",
            enable_SMTPUTF8=True,
            tls_context=None if from_the_start else tls,
            require_starttls=tls is not None and not from_the_start,
            authenticator=handler.log_in,
            auth_require_tls=not from_the_start,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        connected, "localhost", 0, ssl=tls if from_the_start else None
    )
    handler.port = server.sockets[0].getsockname()[1]
    try:
        yield handler
    finally:
        handler.may_go_on.set()
        server.close()
        await server.wait_closed()


def mailing_by(server: MailServer, settings: Settings) -> Settings:
    """The settings of a service in production that sends its mails by a server."""
    return settings.model_copy(
        update={
            "app_env": "production",
            "smtp_host": "localhost",
            "smtp_port": server.port,
            "smtp_security": "none",
            "mail_from": "todo@example.com",
            "public_url": "https://todo.example.com/app",
        }
    )


async def all_sent(app: FastAPI) -> None:
    """Wait for the mails in progress."""
    outgoing: OutgoingMail = app.state.outgoing_mail
    await outgoing.finish(600)
