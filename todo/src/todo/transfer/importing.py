"""Import an export in one statement: all of it or, if it fails, nothing."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Text,
    TypeDecorator,
    Uuid,
    bindparam,
    case,
    cast,
    column,
    delete,
    exists,
    func,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlmodel import col

from todo.idempotency.creation import Creation, Values
from todo.models import new_id, utc_now
from todo.sql import OWNER, text_of
from todo.sync.models import DeletedTask
from todo.tags.models import TaskTag, fold
from todo.tags.returning import returned
from todo.tasks.deleted import plain_type
from todo.tasks.models import STORED, Task
from todo.tasks.service import explain, new_task
from todo.transfer.schemas import ImportedTag, ImportedTask, ImportWrite

_VERSIONS_SINCE = datetime(2020, 1, 1, tzinfo=UTC)


def values_of(document: ImportWrite, *, owner_id: UUID) -> Values:
    """The values for `IMPORT`."""
    now = utc_now()
    is_own = document.user_id == owner_id
    tags: dict[str, ImportedTag] = {}
    for tag in (*document.tags, *(tag for task in document.tasks for tag in task.tags)):
        tags.setdefault(fold(tag.name), tag)
    wanted = [
        {"id": tag.id, "name": tag.name, "name_folded": folded, "color": tag.color}
        for folded, tag in tags.items()
    ]
    rows, links = [], []
    for task in document.tasks:
        row = _row(task, owner_id, now, is_own=is_own)
        rows.append(row)
        links += [{"task_id": row["given_id"], "name_folded": fold(tag.name)} for tag in task.tags]
    return {
        "owner_id": owner_id,
        "now": now,
        "tasks": json.dumps(rows, default=str),
        "tags": json.dumps(wanted, default=str),
        "links": json.dumps(links, default=str),
    }


def _row(task: ImportedTask, owner_id: UUID, now: datetime, *, is_own: bool) -> dict[str, Any]:
    """The columns of a task by name; `other_id` is its id if another user has a task with `id`.

    The id in this account follows from the one in the other: so a second import finds it.
    """
    given = task.model_dump(
        exclude={"id", "tags", "completed_at", "position", "created_at", "updated_at", "etag"}
    )
    values = new_task(owner_id=owner_id, **given)
    given_id = task.id or new_id()
    other_id = uuid5(owner_id, str(given_id))
    completed_at = task.completed_at or values["completed_at"]
    set_ = {
        **values,
        "id": given_id if is_own or task.id is None else other_id,
        "user_id": owner_id,
        "completed_at": completed_at,
        "position": task.position or values["position"],
        # More than any that the task had before it was deleted and forgotten.
        "version": int((now - _VERSIONS_SINCE).total_seconds()),
        "created_at": task.created_at or now,
        "updated_at": task.updated_at or now,
    }
    row = {each.name: _plain(each, set_[each.name]) for each in STORED}
    return {**row, "given_id": given_id, "other_id": other_id}


def _plain(stored: ColumnElement[Any], value: Any) -> Any:
    if isinstance(stored.type, TypeDecorator):
        return stored.type.process_bind_param(value, None)  # type: ignore[arg-type]
    return value.isoformat() if isinstance(value, datetime) else value


def _records(name: str, columns: Iterable["ColumnElement[Any]"]) -> Any:
    return (
        func.jsonb_to_recordset(cast(bindparam(name, type_=Text), JSONB))
        .table_valued(*columns, name=f"given_{name}")
        .render_derived(name=f"given_{name}", with_types=True)
    )


def _statement(turn: FromClause) -> CTE:
    ids = [column("given_id", Uuid), column("other_id", Uuid)]
    tasks = _records("tasks", [*(column(each.name, plain_type(each)) for each in STORED), *ids])
    is_of_another = or_(
        *(
            exists().where(col(kind.id) == tasks.c.id, col(kind.user_id) != OWNER)
            for kind in (Task, DeletedTask)
        )
    )
    new_id_ = case((is_of_another, tasks.c.other_id), else_=tasks.c.id)
    others = [tasks.c[each.name] for each in STORED if each.name != "id"]
    placed = (
        select(tasks.c.given_id, new_id_.label("id"), *others)
        .select_from(turn.join(tasks, true()))
        .cte("placed")
    )
    made = (
        insert(Task)
        .from_select(
            [each.name for each in STORED], select(*(placed.c[each.name] for each in STORED))
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(col(Task.id))
        .cte("made_tasks")
    )
    back = (
        delete(DeletedTask)
        .where(col(DeletedTask.id) == made.c.id, col(DeletedTask.user_id) == OWNER)
        .cte("back")
    )
    tags = _records(
        "tags",
        [column(name, Text) for name in ("name", "name_folded", "color")] + [column("id", Uuid)],
    )
    wanted = select(*tags.c).select_from(turn.join(tags, true())).cte("wanted")
    carried, created = returned(wanted)
    by_id = select(carried.c.id).where(carried.c.id == wanted.c.id).scalar_subquery()
    by_name = (
        select(carried.c.id).where(carried.c.name_folded == wanted.c.name_folded).scalar_subquery()
    )
    found = select(wanted.c.name_folded, func.coalesce(by_id, by_name).label("id")).cte("found")
    links = _records("links", [column("task_id", Uuid), column("name_folded", Text)])
    linked = (
        insert(TaskTag)
        .from_select(
            ["task_id", "tag_id"],
            select(made.c.id, found.c.id)
            .distinct()
            .select_from(
                links.join(placed, placed.c.given_id == links.c.task_id)
                .join(made, made.c.id == placed.c.id)
                .join(found, found.c.name_folded == links.c.name_folded)
            ),
        )
        .cte("linked")
    )
    count = {
        name: select(func.count()).select_from(each).scalar_subquery()
        for name, each in {"given": placed, "made": made, "created": created}.items()
    }
    document = (
        text_of('{"tasks_created":') + cast(count["made"], Text)
        + text_of(',"tasks_unchanged":') + cast(count["given"] - count["made"], Text)
        + text_of(',"tags_created":') + cast(count["created"], Text)
        + text_of("}")
    )  # fmt: skip
    return (
        select(document.label("document"), cast(null(), Text).label("revision"))
        .select_from(turn)
        .add_cte(back, linked)
        .cte("created")
    )


IMPORT = Creation(_statement, find=None, explain=explain, status=HTTPStatus.OK)
"""Imports the tags and tasks of `values_of`."""
