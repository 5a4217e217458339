"""Invites: each lets one person register while registration is not open to everyone."""

from datetime import timedelta

from sqlalchemy.dialects.postgresql import insert

from todo.accounts.models import Invite
from todo.accounts.secret_tokens import SecretToken
from todo.models import utc_now
from todo.text import fold_email
from wellhead import Database

PREFIX = "todo_invite_"


async def invite(database: Database, *, email: str | None, lifetime: timedelta) -> str:
    """Make an invite and return its text, which cannot be shown again.

    Args:
        database: The application's database.
        email: The only address that may register with it; None for any.
        lifetime: How long it can be used.
    """
    secret, now = SecretToken.new(PREFIX), utc_now()
    made = Invite(
        token_hash=secret.hash,
        email_folded=None if email is None else fold_email(email),
        created_at=now,
        expires_at=now + lifetime,
    )
    row = insert(Invite).values(**made.model_dump()).on_conflict_do_nothing()
    await database.run(lambda session: session.exec(row), is_repeatable=True)
    return secret.text
