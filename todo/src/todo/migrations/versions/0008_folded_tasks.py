"""Fold the words of all tasks, give each its position, and search and sort by these.

Each step may be done twice: a migration that was stopped half-way is run again. Only the last one
holds the table for long, a minute for some millions of tasks: a column that is generated is
written for all of them.
"""

import sqlalchemy as sa
from alembic import context, op

from todo.tasks.positions import position_at
from todo.text import fold_words

revision = "0008"
down_revision: str | None = "0007"
branch_labels = None
depends_on = None

BATCH = 1000

FILLED = ("title_folded", "description_folded", "position")

tasks = sa.table(
    "tasks",
    sa.column("id", sa.Uuid()),
    *(sa.column(name) for name in ("title", "description", "created_at", *FILLED)),
)

REFUSE_ROWS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM tasks WHERE title_folded IS NULL) THEN
        RAISE EXCEPTION 'the words of tasks are folded by Python: run todo migrate';
    END IF;
END $$
"""

INDEXES = {
    "ix_tasks_user_id_title": "left(title_folded, 200)",
    "ix_tasks_user_id_position": "position",
}

SEARCH = """
ALTER TABLE tasks
    -- squawk-ignore ban-drop-column
    DROP COLUMN search_vector,
    ADD COLUMN search_vector tsvector
    -- squawk-ignore adding-field-with-default
    GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, {})) STORED NOT NULL
"""
FOLDED = "title_folded || ' '::text || coalesce(description_folded, ''::text)"
AS_WRITTEN = "title || ' '::text || coalesce(description, ''::text)"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        if context.is_offline_mode():
            op.execute(REFUSE_ROWS)
        else:
            fill(op.get_bind())
        for name in ("title_folded", "position"):
            op.execute(
                "-- squawk-ignore adding-not-nullable-field\n"
                f"ALTER TABLE tasks ALTER COLUMN {name} SET NOT NULL"
            )
        for name in ("all_day_midnight", "position_digits"):
            op.execute(f"ALTER TABLE tasks VALIDATE CONSTRAINT ck_tasks_{name}")
        for name, key in INDEXES.items():
            op.drop_index(name, if_exists=True, postgresql_concurrently=True)
            create(name, key)
        search_by(FOLDED)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.drop_index(name, if_exists=True, postgresql_concurrently=True)
        create("ix_tasks_user_id_title", "lower(title)")
        for name in ("title_folded", "position"):
            op.alter_column("tasks", name, nullable=True)
        search_by(AS_WRITTEN)


def create(index: str, key: str) -> None:
    """Create the index of an order."""
    op.create_index(index, "tasks", ["user_id", sa.text(key), "id"], postgresql_concurrently=True)


def search_by(text: str) -> None:
    """Search this text; the index goes with the old column."""
    op.execute(SEARCH.format(text))
    op.create_index(
        "ix_tasks_search_vector",
        "tasks",
        ["search_vector"],
        postgresql_using="gin",
        postgresql_concurrently=True,
    )


def fill(connection: sa.Connection) -> None:
    """Fill the new columns of every task, a batch at a time."""
    columns = [tasks.c[name] for name in ("id", "title", "description", "created_at")]
    following = sa.select(*columns).order_by(tasks.c.id).limit(BATCH)
    update = (
        sa.update(tasks)
        .where(tasks.c.id == sa.bindparam("task_id"))
        .values({name: sa.bindparam(name) for name in FILLED})
    )
    batch = connection.execute(following).all()
    while batch:
        connection.execute(
            update,
            [
                {
                    "task_id": row.id,
                    "title_folded": fold_words(row.title),
                    "description_folded": row.description and fold_words(row.description),
                    "position": position_at(row.created_at, row.id),
                }
                for row in batch
            ],
        )
        batch = connection.execute(following.where(tasks.c.id > batch[-1].id)).all()
