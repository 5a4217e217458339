"""Accounts: folded addresses, password versions, spent refresh tokens and known networks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision: str | None = "0004"
branch_labels = None
depends_on = None

# A process of before registers accounts without the folded address, until it is replaced. Of ASCII,
# this folds what Python folds; another address is refused, since nothing here agrees with Python.
FOLD = """
    CREATE FUNCTION fold_address() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.email !~ '[^\\x01-\\x7f]' THEN
                NEW.email_folded := lower(NEW.email COLLATE "C");
            END IF;
            RETURN NEW;
        END
    $$
"""
TRIGGER = """
    CREATE TRIGGER fold_address BEFORE INSERT ON users
    FOR EACH ROW WHEN (NEW.email_folded IS NULL) EXECUTE FUNCTION fold_address()
"""


def upgrade() -> None:
    # Empty until the next migration, which fills it without holding the table.
    op.add_column("users", sa.Column("email_folded", sa.Text(collation="C"), nullable=True))
    op.add_column(
        "users",
        sa.Column("password_version", sa.Integer(), server_default="0", nullable=False),
    )
    op.execute(FOLD)
    op.execute(TRIGGER)
    hashes = postgresql.ARRAY(sa.LargeBinary())
    times = postgresql.ARRAY(sa.DateTime(timezone=True))
    op.add_column("logins", sa.Column("spent_hashes", hashes, server_default="{}", nullable=False))
    op.add_column("logins", sa.Column("spent_at", times, server_default="{}", nullable=False))

    op.create_table(
        "known_networks",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("network_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "network_hash", name="pk_known_networks"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_known_networks_user_id_users", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_known_networks_expires_at", "known_networks", ["expires_at"])


def downgrade() -> None:
    op.drop_table("known_networks")
    op.drop_column("logins", "spent_at")
    op.drop_column("logins", "spent_hashes")
    op.execute("DROP TRIGGER fold_address ON users")
    op.execute("DROP FUNCTION fold_address()")
    op.drop_column("users", "password_version")
    op.drop_column("users", "email_folded")
