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

# A process of before writes tasks without these columns, until it is replaced. Of ASCII, this folds
# what Python folds. Other words of a new task are nearly the same; those of a changed task stay as
# they were, since nothing here tells whether Python folded them.
FUNCTIONS = {
    "fold_words(words text) RETURNS text LANGUAGE sql IMMUTABLE": """
        SELECT btrim(regexp_replace(
            regexp_replace(
                lower(lower(normalize(words, NFKD) COLLATE "C") COLLATE "default"),
                '[\\u0300-\\u036f]', '', 'g'
            ),
            '[\\x01-\\x2f\\x3a-\\x60\\x7b-\\x7f]+', ' ', 'g'
        ))
    """,
    "complete_task() RETURNS trigger LANGUAGE plpgsql": """
        BEGIN
            NEW.title_folded := fold_words(NEW.title);
            NEW.description_folded := fold_words(NEW.description);
            NEW.position := lpad(
                floor(extract(epoch FROM NEW.created_at) * 1000000)::bigint::text, 16, '0'
            ) || lpad(mod(hashtext(NEW.id::text)::bigint + 2147483648, 10000)::text, 4, '0') || '5';
            RETURN NEW;
        END
    """,
    "refold_task() RETURNS trigger LANGUAGE plpgsql": """
        BEGIN
            IF NEW.title_folded IS NOT DISTINCT FROM OLD.title_folded
                AND NEW.title !~ '[^\\x01-\\x7f]'
            THEN
                NEW.title_folded := fold_words(NEW.title);
            END IF;
            IF NEW.description_folded IS NOT DISTINCT FROM OLD.description_folded
                AND coalesce(NEW.description, '') !~ '[^\\x01-\\x7f]'
            THEN
                NEW.description_folded := fold_words(NEW.description);
            END IF;
            NEW.is_all_day := NEW.is_all_day AND NEW.due_date IS NOT NULL
                AND (NEW.due_date AT TIME ZONE 'UTC')::time = '00:00';
            RETURN NEW;
        END
    """,
}
TRIGGERS = {
    "complete_task": "BEFORE INSERT ON tasks FOR EACH ROW WHEN (NEW.title_folded IS NULL)",
    "refold_task": """
        BEFORE UPDATE OF title, description, due_date ON tasks FOR EACH ROW WHEN (
            OLD.title <> NEW.title OR OLD.description IS DISTINCT FROM NEW.description
            OR OLD.is_all_day AND OLD.due_date IS DISTINCT FROM NEW.due_date
        )
    """,
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
    for head, body in FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION {head} AS $${body}$$")
    for name, event in TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {event} EXECUTE FUNCTION {name}()")


def downgrade() -> None:
    for name in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON tasks")
        op.execute(f"DROP FUNCTION {name}()")
    op.execute("DROP FUNCTION fold_words(text)")
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_tasks_{name}"), "tasks")
    for name in ("position", "description_folded", "title_folded", "is_all_day"):
        op.drop_column("tasks", name)
