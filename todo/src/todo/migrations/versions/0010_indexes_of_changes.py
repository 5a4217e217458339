"""Find what has changed: an index for each table, built while others write."""

from alembic import op

revision = "0010"
down_revision: str | None = "0009"
branch_labels = None
depends_on = None

TABLES = ("tasks", "tags")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for table in TABLES:
            name = f"ix_{table}_user_id_changed_xid"
            # Left behind, and of no use, if its creation was interrupted.
            op.drop_index(name, if_exists=True, postgresql_concurrently=True)
            op.create_index(
                name, table, ["user_id", "changed_xid", "id"], postgresql_concurrently=True
            )


def downgrade() -> None:
    for table in TABLES:
        op.drop_index(f"ix_{table}_user_id_changed_xid", table)
