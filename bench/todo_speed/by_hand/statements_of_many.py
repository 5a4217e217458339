"""The statements about many tasks, each one round trip and one transaction."""

from collections.abc import Mapping

from bench.todo_speed.by_hand.statements import TASK

_DUE = "due_date < CASE WHEN is_all_day THEN $3::timestamptz ELSE $2::timestamptz END"
_TODAY = """CASE WHEN is_all_day THEN due_date = $3::timestamptz
    ELSE due_date >= $4::timestamptz AND due_date < $5::timestamptz END"""

COUNTS = f"""
SELECT count(*) FILTER (WHERE completed_at IS NULL) AS open,
       count(*) FILTER (WHERE completed_at IS NOT NULL) AS completed,
       count(*) FILTER (WHERE completed_at IS NULL AND {_DUE}) AS overdue,
       count(*) FILTER (WHERE completed_at IS NULL AND {_TODAY}) AS due_today,
       count(*) FILTER (WHERE completed_at IS NULL AND due_date IS NULL) AS no_due_date,
       count(*) FILTER (
           WHERE completed_at IS NULL
             AND NOT EXISTS (SELECT FROM task_tags WHERE task_id = tasks.id)
       ) AS untagged,
       ARRAY(
           SELECT (tags.id, tags.name, (
               SELECT count(*) FROM task_tags JOIN tasks AS carrying ON carrying.id = task_id
               WHERE tag_id = tags.id AND carrying.completed_at IS NULL
           )) FROM tags WHERE tags.user_id = $1 ORDER BY tags.name_folded
       ) AS tags
FROM tasks WHERE user_id = $1
"""  # noqa: S608
"""By the user, now, the start of today as days are stored, and both ends of today."""

_BULK = """
WITH chosen AS (
    SELECT id, completed_at FROM tasks WHERE user_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE
), changed AS (
    {change} RETURNING id
)
SELECT ARRAY(SELECT id FROM changed ORDER BY id) AS changed,
       ARRAY(
           SELECT id FROM chosen WHERE id NOT IN (SELECT id FROM changed) ORDER BY id
       ) AS unchanged, $3::timestamptz
"""
_SET = """UPDATE tasks SET completed_at = {value}, version = version + 1, updated_at = $3
    WHERE id IN (SELECT id FROM chosen WHERE completed_at IS {before})"""

BULK: Mapping[str, str] = {
    "complete": _BULK.format(change=_SET.format(value="$3", before="NULL")),
    "reopen": _BULK.format(change=_SET.format(value="NULL", before="NOT NULL")),
    "delete": _BULK.format(change="DELETE FROM tasks WHERE id IN (SELECT id FROM chosen)"),
}
"""By the user, the ids and the time."""


def _is_new(xid: str) -> str:
    return f"""{xid} >= pg_snapshot_xmin($5::text::pg_snapshot)::text::bigint
        AND NOT pg_visible_in_snapshot({xid}::text::xid8, $5::text::pg_snapshot)
        AND ($6::text IS NULL
             OR pg_visible_in_snapshot({xid}::text::xid8, $6::text::pg_snapshot))"""


def _candidates(kind: int, xid: str, row: str, tables: str, condition: str = "true") -> str:
    return f"""(SELECT {kind} AS kind, {xid} AS xid, {row} AS id FROM {tables}
        AND ({xid}, {row}) > ($3::bigint, $4::uuid) AND {condition}
        ORDER BY 2, 3 LIMIT $2)"""  # noqa: S608


def _page_of(*candidates: str) -> str:
    return f"""
WITH found AS (
    SELECT * FROM ({" UNION ALL ".join(candidates)}) AS every ORDER BY xid, id LIMIT $2
)
SELECT pg_current_snapshot()::text AS snapshot, found.kind, found.xid, found.id, task.title,
       task.description, task.priority, task.due_date, task.is_all_day, task.completed_at,
       task.position, task.tags, tag.name, tag.color,
       coalesce(task.version, tag.version) AS version,
       coalesce(task.created_at, tag.created_at) AS created_at,
       coalesce(task.updated_at, tag.updated_at) AS updated_at
FROM (SELECT) AS one LEFT JOIN found ON true
LEFT JOIN LATERAL (
    SELECT {TASK} FROM tasks WHERE found.kind = 0 AND tasks.id = found.id
) AS task ON true
LEFT JOIN tags AS tag ON found.kind = 1 AND tag.id = found.id
ORDER BY found.xid, found.id
"""  # noqa: S608


EVERYTHING = _page_of(
    _candidates(0, "changed_xid", "id", "tasks WHERE user_id = $1"),
    _candidates(1, "changed_xid", "id", "tags WHERE user_id = $1"),
)
"""By the user, the limit, and the transaction and the id after which it goes on."""

_LINKED = "tags JOIN task_tags ON tag_id = tags.id WHERE user_id = $1"
_CARRIED = "deleted_tags, unnest(task_ids) AS carried (id) WHERE user_id = $1"
_GONE = "deleted_{0} AS gone WHERE user_id = $1 AND NOT EXISTS (SELECT FROM {0} WHERE id = gone.id)"

CHANGES = _page_of(
    _candidates(0, "changed_xid", "id", "tasks WHERE user_id = $1", _is_new("changed_xid")),
    _candidates(1, "changed_xid", "id", "tags WHERE user_id = $1", _is_new("changed_xid")),
    _candidates(0, "changed_xid", "task_id", _LINKED, _is_new("changed_xid")),
    _candidates(0, "changed_xid", "carried.id", _CARRIED, _is_new("changed_xid")),
    _candidates(2, "changed_xid", "id", _GONE.format("tasks"), _is_new("changed_xid")),
    _candidates(3, "changed_xid", "id", _GONE.format("tags"), _is_new("changed_xid")),
)
"""The same, and the snapshots between which the changes were made; the second may be NULL."""
