"""Settings of the mail that the application sends."""

import re
from typing import Literal, Self

from email_validator import EmailNotValidError, validate_email
from pydantic import Field, SecretStr, field_validator, model_validator

from wellhead.settings import CheckedSettings

PUBLIC_URL = re.compile(r"https?://[^\s?#@]+", re.IGNORECASE)

PORTS = {"tls": 465, "starttls": 587, "none": 25}
"""The usual port for each kind of security."""


class MailSettings(CheckedSettings):
    """How mail is sent, and what it says about the service."""

    public_url: str | None = Field(default=None, max_length=500)
    """Where people find the Todo client, or yours: links in mails begin with it. In development,
    `todo serve` takes its own address."""

    mail_from: str | None = Field(default=None, max_length=254)
    """The address that mails come from."""

    smtp_host: str | None = Field(default=None, min_length=1, max_length=253)
    """The server that takes mails. Without one, development prints them, and production has no
    `forgot-password`."""

    smtp_port: int | None = Field(default=None, ge=1, le=65535)
    """Its port; by default the usual one for `SMTP_SECURITY`: 465, 587 or 25."""

    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted; the server's certificate is always verified."""

    smtp_user: str | None = Field(default=None, min_length=1, max_length=500)
    """The name to log in with, if the server wants one."""

    smtp_password: SecretStr | None = None
    """The password that goes with it."""

    @field_validator("mail_from")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            return validate_email(value, check_deliverability=False).normalized
        except EmailNotValidError as error:
            raise ValueError(f"it is not an e-mail address: {error}") from None

    @field_validator("public_url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not PUBLIC_URL.fullmatch(value):
            raise ValueError(
                "it must be a URL without query and fragment, such as https://todo.example.com"
            )
        return value.rstrip("/")

    @model_validator(mode="after")
    def _mail_together(self) -> Self:
        if self.smtp_host is None:
            return self
        if self.mail_from is None:
            raise ValueError("SMTP_HOST is set, but not MAIL_FROM, whom mails come from.")
        if (self.smtp_user is None) is not (self.smtp_password is None):
            raise ValueError("SMTP_USER and SMTP_PASSWORD are set together, or neither.")
        if self.smtp_security == "none" and self.smtp_password is not None:
            raise ValueError(
                "SMTP_SECURITY is none, which would send SMTP_PASSWORD in clear text; use starttls "
                "or tls."
            )
        return self
