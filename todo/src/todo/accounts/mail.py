"""Mail that the application sends: over SMTP, or in development to the log."""

import asyncio
import logging
import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Protocol

from email_validator import validate_email

from todo.mailing import PORTS
from todo.settings import Settings

logger = logging.getLogger(__name__)

DEADLINE = 30.0
"""Seconds for one mail, waiting for its turn included."""

AT_ONCE = 4
"""How many mails a process hands over at the same time."""


class MailError(Exception):
    """A mail was not sent; the message names no recipient and quotes no mail."""


class Mailer(Protocol):
    """Sends mails."""

    async def send(self, *, to: str, subject: str, text: str) -> None:
        """Send a mail.

        Raises:
            MailError: It was not sent.
        """


class PrintedMail:
    """Writes mails to the log, for development."""

    async def send(self, *, to: str, subject: str, text: str) -> None:
        """Log a mail."""
        logger.warning(
            "SMTP_HOST is not set, so this mail is only shown here:\nTo: %s\nSubject: %s\n\n%s",
            to,
            subject,
            text,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SMTPMail:
    """Hands mails over to an SMTP server.

    Attributes:
        host: The server.
        port: Its port.
        security: `tls` from the first byte, `starttls`, or `none`; the certificate is verified
            with the system's roots, or those that `SSL_CERT_FILE` names.
        user: The name to log in with, or None.
        password: The password for it.
        sender: The address and name that mails come from.
    """

    host: str
    port: int
    security: str
    user: str | None
    password: str | None = field(repr=False)
    sender: Address
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def send(self, *, to: str, subject: str, text: str) -> None:
        """Send a mail, waiting for at most `DEADLINE` seconds.

        Raises:
            MailError: The server refused it, or did not take it in time.
        """
        from aiosmtplib import SMTPException, send  # noqa: PLC0415 - few processes send mail

        message = self._message(to, subject, text)
        try:
            async with asyncio.timeout(DEADLINE), self._places:
                await send(
                    message,
                    hostname=self.host,
                    port=self.port,
                    username=self.user,
                    password=self.password,
                    use_tls=self.security == "tls",
                    start_tls=self.security == "starttls",
                    tls_context=None if self.security == "none" else ssl.create_default_context(),
                    timeout=DEADLINE,
                )
        except (SMTPException, OSError, ValueError) as error:
            # Their messages can quote the recipient.
            code = getattr(error, "code", None)
            raise MailError(
                f"{self.host}:{self.port} did not take a mail: {type(error).__name__}"
                + (f" {code}" if code else "")
            ) from None

    def _message(self, to: str, subject: str, text: str) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = deliverable(to)
        message["Subject"] = subject
        message["Date"] = formatdate()
        # The default would name this machine.
        message["Message-ID"] = make_msgid(domain=self.sender.domain)
        # No vacation reply, please (RFC 3834, section 5).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        return message


def deliverable(address: str, name: str = "") -> Address:
    """The address with an ASCII domain, which every mail server understands."""
    checked = validate_email(address, check_deliverability=False)
    return Address(name, username=checked.local_part, domain=checked.ascii_domain)


def mailer_of(settings: Settings) -> Mailer | None:
    """How these settings send mail: None in production without an SMTP server."""
    if settings.smtp_host is None or settings.mail_from is None:
        return None if settings.is_production else PrintedMail()
    secret = settings.smtp_password
    return SMTPMail(
        host=settings.smtp_host,
        port=settings.smtp_port or PORTS[settings.smtp_security],
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=None if secret is None else secret.get_secret_value(),
        sender=deliverable(settings.mail_from, settings.app_name),
    )
