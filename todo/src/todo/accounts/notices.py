"""Mails that tell the owner of an account that its address or password was changed.

They are for an owner from whom someone else has taken the account. None has a secret in it, and
none the new address: the old mailbox may belong to someone else by now.
"""

from dataclasses import dataclass

from todo.accounts.attempts import Attempts
from todo.accounts.mail import Mailer
from todo.accounts.outgoing import OutgoingMail
from todo.models import utc_now

TEXTS = {
    "e-mail address": """\
At {now} the e-mail address of your account at {name} was changed. You log in with the new one,
and mails about the account go there.

If it was not you, someone knows your password. Where you are still logged in, change the password,
which ends every other login, and then change the address back. If you cannot, write to those who
run {name}.
""",
    "password": """\
At {now} the password of your account at {name} was changed, and all other logins were ended.

If it was not you, ask for a new password{where} at once: it ends every login. If no link comes,
write to those who run {name}.
""",
}
"""The text for each thing that was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """Tells the owners of accounts what was changed, if the application sends mail.

    Attributes:
        outgoing: The mails in progress.
        attempts: Counts the mails to one address.
        name: What the application is called.
        public_url: Where people find the client; None if unknown.
    """

    outgoing: OutgoingMail
    attempts: Attempts
    name: str
    public_url: str | None

    def email_changed(self, *, old: str) -> None:
        """Begin to tell the old address that the account has another one."""
        self._begin(old, "e-mail address")

    def password_changed(self, *, email: str) -> None:
        """Begin to tell the address of an account that its password was changed."""
        self._begin(email, "password")

    def _begin(self, to: str, changed: str) -> None:
        if (mailer := self.outgoing.mailer) is None:
            return
        text = TEXTS[changed].format(
            now=f"{utc_now():%Y-%m-%d %H:%M} UTC",
            name=self.name,
            where="" if self.public_url is None else f" at {self.public_url}",
        )
        subject = f"The {changed} of your account at {self.name} was changed"
        # Never refused for want of room: each change took a password hash, which limits them.
        self.outgoing.begin(
            self._send(mailer, to, subject, text), subject="A notice of a changed account"
        )

    async def _send(self, mailer: Mailer, to: str, subject: str, text: str) -> None:
        # Anyone can give an account someone else's address, and change it as often as they like.
        if await self.attempts.may_notify(account=to):
            await mailer.send(to=to, subject=subject, text=text)
