"""Tasks and tags, with an index for each way the API reads them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision: str | None = "0001"
branch_labels = None
depends_on = None

WORDS = "to_tsvector('simple'::regconfig, title || ' '::text || coalesce(description, ''::text))"
NO_DUE_DATE_LAST = "coalesce(due_date, 'infinity'::timestamptz)"
NO_DUE_DATE_FIRST = "coalesce(due_date, '-infinity'::timestamptz)"


def upgrade() -> None:
    create_tasks()
    create_tags()


def create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("due_date", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "search_vector",
            postgresql.TSVECTOR(),
            sa.Computed(WORDS, persisted=True),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_tasks_user_id_users", ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "char_length(title) BETWEEN 1 AND 200", name=op.f("ck_tasks_title_length")
        ),
        sa.CheckConstraint(
            "char_length(description) <= 10000", name=op.f("ck_tasks_description_length")
        ),
        sa.CheckConstraint("priority BETWEEN 1 AND 4", name=op.f("ck_tasks_priority_rank")),
    )
    for name, key in {
        "ix_tasks_user_id_created_at": "created_at",
        "ix_tasks_user_id_updated_at": "updated_at",
        "ix_tasks_user_id_priority": "priority",
        "ix_tasks_user_id_title": "lower(title)",
        "ix_tasks_user_id_due_date": NO_DUE_DATE_LAST,
        "ix_tasks_user_id_due_date_desc": NO_DUE_DATE_FIRST,
    }.items():
        op.create_index(name, "tasks", ["user_id", sa.text(key), "id"])
    op.create_index(
        "ix_tasks_open_user_id_due_date",
        "tasks",
        ["user_id", sa.text(NO_DUE_DATE_LAST), "id"],
        postgresql_where=sa.text("completed_at IS NULL"),
    )
    op.create_index(
        "ix_tasks_completed_at",
        "tasks",
        ["completed_at"],
        postgresql_where=sa.text("completed_at IS NOT NULL"),
    )
    op.create_index("ix_tasks_search_vector", "tasks", ["search_vector"], postgresql_using="gin")


def create_tags() -> None:
    op.create_table(
        "tags",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_folded", sa.Text(collation="C"), nullable=False),
        sa.Column("color", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tags"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_tags_user_id_users", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("user_id", "name_folded", name="uq_tags_user_id_name_folded"),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 50", name=op.f("ck_tags_name_length")),
        sa.CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name=op.f("ck_tags_color_form")),
    )
    op.create_table(
        "task_tags",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("tag_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", "tag_id", name="pk_task_tags"),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name="fk_task_tags_task_id_tasks", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tag_id"], ["tags.id"], name="fk_task_tags_tag_id_tags", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_task_tags_tag_id_task_id", "task_tags", ["tag_id", "task_id"])


def downgrade() -> None:
    op.drop_table("task_tags")
    op.drop_table("tags")
    op.drop_table("tasks")
