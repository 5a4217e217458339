"""A new password for the one who reads an account's mail."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import LargeBinary, Text, Uuid, bindparam, delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.credentials import canonical, ended, refuse_email_as_password, store_hash
from todo.accounts.known_networks import known
from todo.accounts.mail import Mailer
from todo.accounts.models import ApiToken, Login, PasswordReset, User
from todo.accounts.outgoing import OutgoingMail
from todo.accounts.secret_tokens import SecretToken, hash_of
from todo.accounts.service import Accounts
from todo.errors import ForbiddenError, NotFoundError
from todo.models import TIMESTAMP, new_id, utc_now
from todo.sql import NOW
from todo.text import fold_email
from wellhead import compiled

PREFIX = "todo_reset_"

_is_theirs = col(User.email_folded) == bindparam("email_folded", type_=Text)
_row = {
    "id": bindparam("reset_id", type_=Uuid),
    "user_id": col(User.id),
    "token_hash": bindparam("token_hash", type_=LargeBinary),
    "created_at": NOW,
    "expires_at": bindparam("expires_at", type_=TIMESTAMP),
}
_stored = (
    insert(PasswordReset)
    .from_select(list(_row), select(*_row.values()).where(_is_theirs))
    .on_conflict_do_nothing()
    .cte("stored")
)

STORE = compiled(select(col(User.email)).where(_is_theirs).add_cte(_stored), is_repeatable=True)
"""Store a link for the account of an address, and return the address as it was registered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordResets:
    """How one application gives out new passwords.

    Attributes:
        accounts: Its accounts.
        outgoing: The mails in progress.
        lifetime: How long a link works.
        name: What the application is called.
        public_url: Where people find the Todo client, or another that takes the token; None if
            unknown.
    """

    accounts: Accounts
    outgoing: OutgoingMail
    lifetime: timedelta
    name: str
    public_url: str | None

    async def request(self, email: str, *, address: str | None) -> None:
        """Begin to mail a link to the account of an address, if there is one.

        Returns at once, and the same way for every address: whether there is an account, and
        whether the mail server takes the mail, is found out afterwards, and only logged.

        Raises:
            BusyError: Too many mails are in progress.
            NotFoundError: This application sends no mail.
            TooManyAttemptsError: The address or the client has asked too often.
        """
        mailer = self.outgoing.mailer
        if mailer is None:
            raise NotFoundError(
                "This service sends no mail; ask its operator for a new password.",
                code="password-reset-unavailable",
            )
        self.outgoing.refuse_if_full()
        email = canonical(email)
        await self.accounts.attempts.count_reset(account=email, address=address)
        self.outgoing.begin(self._mail(mailer, email), subject="A link to a new password")

    async def _mail(self, mailer: Mailer, email: str) -> None:
        secret, now = SecretToken.new(PREFIX), utc_now()
        registered = await STORE.one_or_none(
            self.accounts.database,
            reset_id=new_id(),
            email_folded=fold_email(email),
            token_hash=secret.hash,
            now=now,
            expires_at=now + self.lifetime,
        )
        if registered is not None:
            text = self._text(secret.text)
            await mailer.send(to=registered, subject=f"New password for {self.name}", text=text)

    def _text(self, token: str) -> str:
        minutes = int(self.lifetime.total_seconds() // 60)
        if self.public_url is None:
            how = f"Use this token with POST /api/auth/reset-password:\n\n{token}"
        else:
            # What follows # is not sent to any server, and so is in no log.
            link = f"{self.public_url}/#reset={token}"
            how = f"Open this link to choose a new password:\n\n{link}"
        return (
            f"You, or another person, asked for a new password for {self.name}.\n\n{how}\n\n"
            f"It works once, for {minutes} minutes, and ends all logins of the account.\n"
            "If it was not you, do nothing: the password stays as it is.\n"
        )

    async def reset(self, token: str, *, new: str, address: str | None) -> None:
        """Replace the password of the account that a link was mailed to.

        Ends every login, API token and other link of the account.

        Raises:
            ForbiddenError: The link is unknown, was used, or has expired.
            InvalidError: The password is the e-mail address.
        """
        now, token_hash = utc_now(), hash_of(token)
        database = self.accounts.database
        is_valid = (
            col(PasswordReset.token_hash) == token_hash,
            col(PasswordReset.expires_at) > now,
        )
        async with database.reader() as reader:
            user = (
                await reader.exec(
                    select(User).join(PasswordReset, col(User.id) == PasswordReset.user_id)
                    .where(*is_valid)
                )
            ).one_or_none()  # fmt: skip
        if user is None:
            raise link_invalid()
        refuse_email_as_password(user.email, new)
        new_hash = await self.accounts.passwords.hash(new)
        network_hash = self.accounts.attempts.network_hashes(address)[0]
        lock = select(User.password_hash).where(User.id == user.id)
        spent = delete(PasswordReset).where(*is_valid).returning(col(PasswordReset.id))

        async def change(session: AsyncSession) -> None:
            before = (await session.exec(lock.with_for_update(key_share=True))).first()
            is_spent = (await session.exec(spent)).first() is not None
            # Its own hash is there if this runs again.
            if not is_spent and before != new_hash:
                raise link_invalid()
            await replace_password(session, user.id, new_hash, network_hash=network_hash)

        await database.run(change, is_repeatable=True)
        self.accounts.notices.password_changed(email=user.email)
        await self.accounts.attempts.forget_login(account=user.email, address=address)


async def replace_password(
    session: AsyncSession, user_id: UUID, new_hash: str, *, network_hash: bytes | None = None
) -> None:
    """Store a new password, and end every login, API token and link of the account.

    Args:
        session: The transaction.
        user_id: The account.
        new_hash: The hash of the password.
        network_hash: The network that its owner is in; None if someone else sets it.
    """
    await store_hash(session, user_id, new_hash)
    statement = ended(user_id, Login, ApiToken, PasswordReset)
    if network_hash is not None:
        statement = statement.add_cte(known(user_id, network_hash).cte("known"))
    await session.exec(statement)


def link_invalid() -> ForbiddenError:
    """A link works once, and not for long."""
    return ForbiddenError(
        "This link is not valid: it was used, or has expired, or a newer password was set; ask for "
        "another one.",
        code="reset-link-invalid",
    )
