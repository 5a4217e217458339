"""Expand: the schema of both releases."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """The first release writes no ``search``, and the second no ``urgency``: both may be absent."""
    op.execute(
        "ALTER TABLE released_tasks ADD COLUMN search text, ALTER COLUMN urgency SET DEFAULT 2"
    )
