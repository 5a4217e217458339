"""Fold the e-mail addresses of all accounts, and make the folded ones unique."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

from todo.text import fold_email
from wellhead.errors import MigrationError

revision = "0006"
down_revision: str | None = "0005"
branch_labels = None
depends_on = None

BATCH = 1000
SHOWN = 10

users = sa.table(
    "users",
    sa.column("id", sa.Uuid()),
    sa.column("email", sa.Text()),
    sa.column("email_folded", sa.Text()),
)

REFUSE_ROWS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM users WHERE email_folded IS NULL) THEN
        RAISE EXCEPTION 'the addresses of accounts are folded by Python: run todo migrate';
    END IF;
END $$
"""


def upgrade() -> None:
    # Nothing here holds the table for long, and each step may be done twice: a migration that was
    # stopped half-way is run again.
    with op.get_context().autocommit_block():
        if context.is_offline_mode():
            op.execute(REFUSE_ROWS)
        else:
            fold(op.get_bind())
            refuse_collisions(op.get_bind())
            # Left behind, and of no use, if its creation was interrupted.
            op.drop_index("uq_users_email_folded", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            "uq_users_email_folded",
            "users",
            ["email_folded"],
            unique=True,
            postgresql_concurrently=True,
        )
        op.execute(
            "-- squawk-ignore adding-not-nullable-field\n"
            "ALTER TABLE users ALTER COLUMN email_folded SET NOT NULL"
        )
        op.drop_index("uq_users_email_lower", if_exists=True, postgresql_concurrently=True)


def fold(connection: sa.Connection) -> None:
    """Store the folded address of every account, a batch at a time."""
    for batch in batches(connection):
        folded = {row.id: fold_email(row.email) for row in batch}
        new = sa.func.unnest(
            sa.bindparam("ids", list(folded), type_=postgresql.ARRAY(sa.Uuid())),
            sa.bindparam("folded", list(folded.values()), type_=postgresql.ARRAY(sa.Text())),
        ).table_valued(sa.column("id", sa.Uuid()), sa.column("folded", sa.Text()))
        new = new.render_derived(name="new")
        connection.execute(
            sa.update(users)
            .where(users.c.id == new.c.id, users.c.email_folded.is_distinct_from(new.c.folded))
            .values(email_folded=new.c.folded)
        )


def batches(connection: sa.Connection) -> Iterator[list[Any]]:
    """The accounts in the order of their ids."""
    last = UUID(int=0)
    while True:
        following = sa.select(users.c.id, users.c.email).where(users.c.id > last)
        batch = list(connection.execute(following.order_by(users.c.id).limit(BATCH)))
        if not batch:
            return
        yield batch
        last = batch[-1].id


def refuse_collisions(connection: sa.Connection) -> None:
    """Refuse to choose between accounts whose addresses are one and the same.

    Raises:
        MigrationError: There are such accounts; it names their ids.
    """
    ids = sa.func.array_agg(
        postgresql.aggregate_order_by(users.c.id, users.c.id), type_=postgresql.ARRAY(sa.Uuid())
    )
    same = sa.select(ids).group_by(users.c.email_folded).having(sa.func.count() > 1)
    groups = connection.scalars(same).all()
    if not groups:
        return
    shown = "; ".join(" and ".join(map(str, group)) for group in groups[:SHOWN])
    more = f"; and {len(groups) - SHOWN} more" if len(groups) > SHOWN else ""
    raise MigrationError(
        f"{len(groups)} e-mail addresses belong to more than one account once upper and lower case "
        f"and accents are compared as Unicode says. The accounts' ids: {shown}{more}.",
        hint="Keep one account of each address: give the others another address (UPDATE users SET "
        "email = '...' WHERE id = '...') or delete them, and migrate again. Nothing was lost.",
    )


def downgrade() -> None:
    op.create_index("uq_users_email_lower", "users", [sa.text("lower(email)")], unique=True)
    op.drop_index("uq_users_email_folded", "users")
    op.alter_column("users", "email_folded", nullable=True)
