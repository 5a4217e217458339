"""Contract: the schema of the second release."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """The rows are checked under a lock that lets writes pass, and not looked at again."""
    op.execute(
        "ALTER TABLE released_tasks ADD CONSTRAINT has_search CHECK (search IS NOT NULL) NOT VALID"
    )
    op.execute("ALTER TABLE released_tasks VALIDATE CONSTRAINT has_search")
    op.execute(
        "ALTER TABLE released_tasks ALTER COLUMN search SET NOT NULL,"
        " DROP CONSTRAINT has_search, DROP COLUMN urgency"
    )
