"""Tasks that are due on a day, folded words, and a manual order: the columns, empty as yet."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"
branch_labels = None
depends_on = None

CHECKS = {
    "all_day_midnight": "NOT is_all_day OR due_date IS NOT NULL "
    "AND (due_date AT TIME ZONE 'UTC')::time = '00:00'",
    "position_digits": "position ~ '^[0-9]*[1-9]$'",
}


def upgrade() -> None:
    op.add_column(
        "tasks",
        sa.Column("is_all_day", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    # Empty until the next migration, which fills them without holding the table.
    op.add_column("tasks", sa.Column("title_folded", sa.Text(collation="C")))
    op.add_column("tasks", sa.Column("description_folded", sa.Text()))
    op.add_column("tasks", sa.Column("position", sa.Text(collation="C")))
    for name, check in CHECKS.items():
        op.create_check_constraint(
            op.f(f"ck_tasks_{name}"), "tasks", check, postgresql_not_valid=True
        )


def downgrade() -> None:
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_tasks_{name}"), "tasks")
    for name in ("position", "description_folded", "title_folded", "is_all_day"):
        op.drop_column("tasks", name)
