"""Which transaction wrote a row last, and what was deleted."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision: str | None = "0008"
branch_labels = None
depends_on = None

# Triggers, and not the statements of the application: they see a row once it is locked, with the
# tags that it has then, and they see rows that are written or deleted by hand.
FUNCTIONS = {
    "note_change": """
        BEGIN
            NEW.changed_xid := pg_current_xact_id()::text::bigint;
            RETURN NEW;
        END
    """,
    "keep_deleted_task": """
        BEGIN
            INSERT INTO deleted_tasks (id, user_id, changed_xid, deleted_at, contents, tags)
            SELECT OLD.id, OLD.user_id, pg_current_xact_id()::text::bigint, now(),
                to_jsonb(OLD) - 'search_vector',
                coalesce(
                    (SELECT jsonb_agg(jsonb_build_object('id', tags.id, 'name', tags.name,
                        'name_folded', tags.name_folded, 'color', tags.color))
                     FROM task_tags JOIN tags ON tags.id = task_tags.tag_id
                     WHERE task_tags.task_id = OLD.id),
                    '[]'::jsonb)
            -- Nothing is kept of an account that is being deleted.
            FROM users WHERE users.id = OLD.user_id
            ON CONFLICT (id) DO UPDATE SET
                changed_xid = excluded.changed_xid, deleted_at = excluded.deleted_at,
                contents = excluded.contents, tags = excluded.tags;
            RETURN OLD;
        END
    """,
    "keep_deleted_tag": """
        BEGIN
            INSERT INTO deleted_tags (id, user_id, changed_xid, deleted_at, task_ids)
            SELECT OLD.id, OLD.user_id, pg_current_xact_id()::text::bigint, now(),
                array(SELECT task_id FROM task_tags WHERE tag_id = OLD.id)
            FROM users WHERE users.id = OLD.user_id
            ON CONFLICT (id) DO UPDATE SET
                changed_xid = excluded.changed_xid, deleted_at = excluded.deleted_at,
                task_ids = excluded.task_ids;
            RETURN OLD;
        END
    """,
}

TRIGGERS = (
    ("note_change", "BEFORE INSERT OR UPDATE ON tasks"),
    ("note_change", "BEFORE INSERT OR UPDATE ON tags"),
    ("keep_deleted_task", "BEFORE DELETE ON tasks"),
    ("keep_deleted_tag", "BEFORE DELETE ON tags"),
)

# Ids of transactions mean something else, or begin again, in another cluster, after a failover or a
# recovery to a point in time (a new timeline; Neon has its own), in another database of the
# cluster, and where the rows of the table came from a dump.
HISTORY = """
    CREATE VIEW database_history AS
    SELECT md5(concat_ws(' ',
        (SELECT system_identifier FROM pg_control_system()),
        left(pg_walfile_name(pg_current_wal_lsn()), 8),
        current_setting('neon.timeline_id', true),
        (SELECT oid FROM pg_database WHERE datname = current_database()),
        pg_relation_filenode('tasks'::regclass)
    )) AS id
"""


def upgrade() -> None:
    for table in ("tasks", "tags"):
        # No token is older than this, so any number will do for the rows that are there.
        op.add_column(
            table, sa.Column("changed_xid", sa.BigInteger(), server_default="0", nullable=False)
        )
    create_deleted(
        "deleted_tasks",
        sa.Column("contents", postgresql.JSONB(), nullable=False),
        sa.Column("tags", postgresql.JSONB(), nullable=False),
    )
    create_deleted(
        "deleted_tags", sa.Column("task_ids", postgresql.ARRAY(sa.Uuid()), nullable=False)
    )
    op.create_table(
        "deletion_horizon",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("forgotten_xid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deletion_horizon"),
        sa.CheckConstraint("id = 1", name=op.f("ck_deletion_horizon_one_row")),
    )
    for name, body in FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")
    for name, event in TRIGGERS:
        op.execute(f"CREATE TRIGGER {name} {event} FOR EACH ROW EXECUTE FUNCTION {name}()")
    op.execute(HISTORY)


def create_deleted(name: str, *contents: "sa.Column[object]") -> None:
    """Create the table of what was deleted of one kind."""
    op.create_table(
        name,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("changed_xid", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        *contents,
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=f"fk_{name}_user_id_users", ondelete="CASCADE"
        ),
    )
    op.create_index(f"ix_{name}_user_id_changed_xid", name, ["user_id", "changed_xid", "id"])
    op.create_index(f"ix_{name}_deleted_at", name, ["deleted_at"])


def downgrade() -> None:
    op.execute("DROP VIEW database_history")
    for name, event in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON {event.split()[-1]}")
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}()")
    for table in ("deletion_horizon", "deleted_tags", "deleted_tasks"):
        op.drop_table(table)
    for table in ("tags", "tasks"):
        op.drop_column(table, "changed_xid")
