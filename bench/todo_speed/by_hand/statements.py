"""Every statement of the hand-written application, each one round trip and one transaction."""

_TAGS = """ARRAY(
        SELECT (tags.id, tags.name, tags.color, tags.version)
        FROM task_tags JOIN tags ON tags.id = task_tags.tag_id
        WHERE task_tags.task_id = tasks.id ORDER BY tags.name_folded
    ) AS tags"""

TASK = f"""tasks.id, title, description, priority, due_date, is_all_day, completed_at,
    position, tasks.version, tasks.created_at, tasks.updated_at, {_TAGS}"""

READ = f"SELECT {TASK} FROM tasks WHERE id = $1 AND user_id = $2"  # noqa: S608

LIST = f"""
SELECT {TASK} FROM tasks WHERE user_id = $1
ORDER BY created_at DESC, id DESC LIMIT $2
"""  # noqa: S608

LIST_AFTER = f"""
SELECT {TASK} FROM tasks WHERE user_id = $1 AND (created_at, id) < ($3, $4)
ORDER BY created_at DESC, id DESC LIMIT $2
"""  # noqa: S608

SEARCH = f"""
SELECT {TASK} FROM tasks WHERE user_id = $1 AND search_vector @@ to_tsquery('simple', $3)
ORDER BY created_at DESC, id DESC LIMIT $2
"""  # noqa: S608

SEARCH_AFTER = f"""
SELECT {TASK} FROM tasks WHERE user_id = $1 AND search_vector @@ to_tsquery('simple', $3)
    AND (created_at, id) < ($4, $5)
ORDER BY created_at DESC, id DESC LIMIT $2
"""  # noqa: S608

CREATE = """
WITH task AS (
    INSERT INTO tasks (id, user_id, title, description, priority, due_date, completed_at,
                       version, created_at, updated_at, is_all_day, title_folded,
                       description_folded, position)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8, $12, $13, $14, $15)
), used AS (
    INSERT INTO tags (id, user_id, name, name_folded, color, version, created_at, updated_at)
    SELECT wanted.id, $2, wanted.name, wanted.folded, '#6b7280', 1, $8, $8
    FROM unnest($9::uuid[], $10::text[], $11::text[]) AS wanted (id, name, folded)
    ORDER BY wanted.folded COLLATE "C"
    ON CONFLICT (user_id, name_folded) DO UPDATE SET name_folded = excluded.name_folded
    RETURNING id, name, color, version, name_folded
), attached AS (
    INSERT INTO task_tags (task_id, tag_id) SELECT $1, id FROM used
)
SELECT id, name, color, version FROM used ORDER BY name_folded
"""
"""All of a task, with the tags that exist or are made; the rows of one order never deadlock."""

COMPLETE = f"""
UPDATE tasks SET
    completed_at = CASE WHEN NOT $3 THEN NULL ELSE coalesce(completed_at, $4) END,
    version = version + ($3 <> (completed_at IS NOT NULL))::int,
    updated_at = CASE WHEN $3 = (completed_at IS NOT NULL) THEN updated_at ELSE $4 END
WHERE id = $1 AND user_id = $2
RETURNING {TASK}
"""  # noqa: S608
