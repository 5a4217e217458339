"""The statements that read, create and delete one task, each compiled once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    FromClause,
    SQLColumnExpression,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    delete,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlmodel import col

from todo.chosen_ids import if_free
from todo.documents import day, etag_of, moment, or_null, quoted
from todo.models import TIMESTAMP
from todo.sql import (
    EXPECTED,
    NOW,
    OWNER,
    Columns,
    Deletion,
    deletion,
    insert_once,
    insert_row,
    is_expected,
    text_of,
)
from todo.sync.models import DeletedTask
from todo.tags.carried import ensured, shown, state_of, tags_of
from todo.tags.models import TaskTag
from todo.tasks.models import RANKS, PriorityRank, Task
from wellhead import compiled


@dataclass(slots=True)
class TaskRow:
    """A task as it is shown.

    Attributes:
        document: Its JSON, as `schemas.TaskRead` describes it.
        revision: Identifies this state; changes with everything that a client can see.
    """

    document: str
    revision: str


PLAIN = (
    "title", "description", "priority", "due_date", "is_all_day", "completed_at", "position",
)  # fmt: skip
"""The columns of a task that clients write."""

COLUMNS = [
    col(getattr(Task, name)) for name in ("id", *PLAIN, "created_at", "updated_at", "version")
]
"""What is shown of a task."""

ID = bindparam("task_id", type_=Uuid)
"""The one task."""


def revision_of(version: SQLColumnExpression[int], state: ColumnElement[str]) -> ColumnElement[str]:
    """The revision of a task with this version, whose tags are in this state.

    Each attached tag increments the task's version, so that `state_of` tells the rest.
    """
    return cast(version, Text) + text_of(".") + state


def document_of(
    task: Columns,
    tags: ColumnElement[str],
    revision: ColumnElement[str],
) -> ColumnElement[str]:
    """The JSON of a task: its columns, its tags as built by `as_json`, and its revision."""
    is_done = case((task["completed_at"].is_(None), text_of("false")), else_=text_of("true"))
    priority = case(
        *(
            (task["priority"] == literal_column(str(rank)), text_of(priority))
            for priority, rank in RANKS.items()
        )
    )
    due = task["due_date"]
    position: ColumnElement[str] = task["position"]
    due_date: ColumnElement[str] = case((task["is_all_day"], day(due)), else_=moment(due))
    return (
        text_of('{"id":"') + cast(task["id"], Text)
        + text_of('","title":') + quoted(task["title"])
        + text_of(',"description":') + or_null(quoted(task["description"]))
        + text_of(',"priority":"') + priority
        + text_of('","due_date":') + or_null(due_date)
        + text_of(',"completed":') + is_done
        + text_of(',"completed_at":') + or_null(moment(task["completed_at"]))
        + text_of(',"tags":[') + tags
        + text_of('],"position":"') + position
        + text_of('","created_at":') + moment(task["created_at"])
        + text_of(',"updated_at":') + moment(task["updated_at"])
        + text_of(',"etag":') + etag_of(revision)
        + text_of("}")
    )  # fmt: skip


def with_tags(tasks: FromClause) -> tuple[ColumnElement[str], ColumnElement[str], FromClause]:
    """Tasks with the tags on each: a task's document, its revision, and where both come from."""
    carried = tags_of(tasks.c.id).correlate(tasks).subquery("carried")
    tags = shown(carried).lateral("shown")
    revision = revision_of(tasks.c.version, tags.c.state)
    return document_of(tasks.c, tags.c.tags, revision), revision, tasks.join(tags, true())


_mine = select(*COLUMNS).where(col(Task.id) == ID, col(Task.user_id) == OWNER)
_document, _revision, _whole = with_tags(_mine.subquery("task"))

READ = compiled(
    select(_document.label("document"), _revision.label("revision")).select_from(_whole),
    into=TaskRow,
)
"""One of a user's tasks."""


def creation(turn: FromClause) -> CTE:
    """Create a task with its tags; `document` and `revision` are the content of its response."""
    return _creation(turn, insert_once)


def creation_by_id(turn: FromClause) -> CTE:
    """The same under an id that the client has chosen; nothing if it is taken."""
    return _creation(if_free(turn, ID, Task, DeletedTask), insert_row)


def _creation(turn: FromClause, inserted: Callable[..., Insert]) -> CTE:
    here, made = ensured(turn)
    carried = union_all(select(here), select(made)).cte("carried")
    given = {
        "id": ID,
        "user_id": OWNER,
        "title": bindparam("title", type_=Text),
        "description": bindparam("description", type_=Text),
        "priority": bindparam("priority", type_=PriorityRank),
        "due_date": bindparam("due_date", type_=TIMESTAMP),
        "is_all_day": bindparam("is_all_day", type_=Boolean),
        "completed_at": bindparam("completed_at", type_=TIMESTAMP),
        "version": literal_column("1"),
        "created_at": NOW,
        "updated_at": NOW,
        "title_folded": bindparam("title_folded", type_=Text),
        "description_folded": bindparam("description_folded", type_=Text),
        "position": bindparam("position", type_=Text),
    }
    task = inserted(Task, given, turn).returning(*COLUMNS).cte("task")
    created: CTE = with_new_links(task, carried).cte("created")
    return created


def with_new_links(task: CTE, carried: CTE) -> Any:
    """Put these tags on a task that has just been inserted; `document` and `revision` of it."""
    links = select(task.c.id, carried.c.id).select_from(task.join(carried, true()))
    linked = insert(TaskTag).from_select(["task_id", "tag_id"], links).cte("linked")
    tags = shown(carried).cte("shown")
    revision = revision_of(task.c.version, tags.c.state)
    return (
        select(
            document_of(task.c, tags.c.tags, revision).label("document"),
            revision.label("revision"),
        )
        .select_from(task.join(tags, true()))
        .add_cte(linked)
    )


def revision_now(carried: CTE) -> ColumnElement[str]:
    """The revision of a task's row, with these tags on it."""
    state = select(state_of(carried)).select_from(carried).scalar_subquery()
    return revision_of(col(Task.version), state)


_seen = _mine.add_columns(
    is_expected(revision_now(tags_of(ID).cte("before"))).label("is_expected")
).cte("seen")

DELETE = compiled(
    deletion(
        _seen,
        delete(Task)
        .where(
            col(Task.id) == _seen.c.id,
            # Without a condition, any version will do.
            or_(EXPECTED.is_(None), col(Task.version) == _seen.c.version),
            _seen.c.is_expected,
        )
        .returning(col(Task.id))
        .cte("deleted"),
    ),
    into=Deletion,
)
"""Delete a task."""
