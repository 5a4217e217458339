"""Fill in what the first release has not written, or changed without it."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Only when no process of the first release is left."""
    folded = "lower(concat_ws(' ', title, description))"
    op.execute(
        f"UPDATE released_tasks SET search = {folded} WHERE search IS DISTINCT FROM {folded}"  # noqa: S608 - a constant
    )
