"""The schema of the first release."""

from alembic import op

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """What it writes: a task, and how urgent it is."""
    op.execute(
        "CREATE TABLE released_tasks (id uuid PRIMARY KEY, title text NOT NULL, description text,"
        " urgency integer NOT NULL)"
    )
