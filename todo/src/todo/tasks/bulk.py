"""Complete, reopen, delete or restore many tasks in one statement: all or, if it fails, none."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    FromClause,
    Integer,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    column,
    delete,
    exists,
    func,
    literal_column,
    null,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlmodel import col

from todo.idempotency.creation import Creation, Values
from todo.models import utc_now
from todo.sql import NOW, OWNER, text_of
from todo.sync.models import DeletedTask
from todo.tasks.deleted import restoration
from todo.tasks.filters import Shape, TaskFilters
from todo.tasks.models import Task
from todo.tasks.service import explain

MOST_AT_ONCE = 1000
"""The most tasks of one request."""

MOST_SHAPES = 64
"""How many kinds of work are kept compiled."""

Action = Literal["complete", "reopen", "delete", "restore"]

_IDS = bindparam("task_ids", type_=ARRAY(Uuid))
_MOST = bindparam("most", type_=Integer)


def by_ids(action: Action, *, owner_id: UUID, ids: Sequence[UUID]) -> tuple[Creation, Values]:
    """Do this to these tasks; what to do, and the values for it."""
    return _work(action, None), {**_values(owner_id), "task_ids": list(ids)}


def by_filters(action: Action, *, owner_id: UUID, filters: TaskFilters) -> tuple[Creation, Values]:
    """Do this to at most `MOST_AT_ONCE` of the tasks that match and are not in that state."""
    return _work(action, filters.shape), {**_values(owner_id), **filters.values}


def _values(owner_id: UUID) -> dict[str, Any]:
    return {"owner_id": owner_id, "now": utc_now(), "most": MOST_AT_ONCE}


@lru_cache(MOST_SHAPES)
def _work(action: Action, shape: Shape | None) -> Creation:
    return Creation(
        lambda turn: _statement(action, shape, turn),
        find=None,
        explain=explain,
        status=HTTPStatus.OK,
    )


_IS_OPEN = col(Task.completed_at).is_(None)

_NOT_YET: Mapping[Action, list[ColumnElement[bool]]] = {
    "complete": [_IS_OPEN],
    "reopen": [~_IS_OPEN],
    "delete": [],
}
"""Which tasks are not yet in the state that an action leads to."""


def _statement(action: Action, shape: Shape | None, turn: FromClause) -> CTE:
    if action == "restore":
        return _restoration(turn)
    if shape is None:
        conditions = [col(Task.user_id) == OWNER, col(Task.id) == func.any(_IDS)]
    else:
        conditions = [*shape.conditions(), *_NOT_YET[action]]
    found = _locked(Task, conditions, turn)
    chosen = select(found.c.id).order_by(found.c.id).limit(_MOST).cte("chosen")
    changed = _written(action, col(Task.id).in_(select(chosen.c.id)))
    unchanged = select(chosen.c.id).where(chosen.c.id.not_in(select(changed.c.id)))
    more = select(func.count()).select_from(found).scalar_subquery()
    return _document(
        turn,
        changed=_listed(select(changed.c.id)),
        unchanged=_listed(unchanged),
        not_found=text_of("") if shape else _listed(_missing(select(found.c.id))),
        has_more=case((more > _MOST, text_of("true")), else_=text_of("false")),
    )


def _restoration(turn: FromClause) -> CTE:
    conditions = [col(DeletedTask.user_id) == OWNER, col(DeletedTask.id) == func.any(_IDS)]
    found = _locked(DeletedTask, conditions, turn)
    restored = restoration(found)
    there = select(col(Task.id).label("id")).where(
        col(Task.user_id) == OWNER, col(Task.id) == func.any(_IDS)
    )
    return _document(
        turn,
        changed=_listed(select(restored.c.id)),
        unchanged=_listed(there),
        not_found=_listed(_missing(union_all(select(found.c.id), there))),
        has_more=text_of("false"),
    )


def _locked(kind: Any, conditions: Sequence[ColumnElement[bool]], turn: FromClause) -> CTE:
    # All lock in the same order, so that there is no deadlock.
    return (
        select(col(kind.id))
        .where(*conditions, exists(select(turn)))
        .order_by(col(kind.id))
        .limit(_MOST + literal_column("1"))
        .with_for_update()
        .cte("found")
    )


def _document(turn: FromClause, **members: ColumnElement[str]) -> CTE:
    document = (
        text_of('{"changed":[') + members["changed"]
        + text_of('],"unchanged":[') + members["unchanged"]
        + text_of('],"not_found":[') + members["not_found"]
        + text_of('],"has_more":') + members["has_more"]
        + text_of("}")
    )  # fmt: skip
    return (
        select(document.label("document"), cast(null(), Text).label("revision"))
        .select_from(turn)
        .cte("created")
    )


def _written(action: Action, is_chosen: ColumnElement[bool]) -> CTE:
    if action == "delete":
        return delete(Task).where(is_chosen).returning(col(Task.id)).cte("changed")
    return (
        update(Task)
        .where(is_chosen, *_NOT_YET[action])
        .values(
            completed_at=NOW if action == "complete" else None,
            version=col(Task.version) + literal_column("1"),
            updated_at=NOW,
        )
        .returning(col(Task.id))
        .cte("changed")
    )


def _missing(found: Any) -> Any:
    given = func.unnest(_IDS).table_valued(column("id", Uuid)).render_derived("given")
    return select(given.c.id).where(given.c.id.not_in(found))


def _listed(ids: Any) -> ColumnElement[str]:
    each = ids.subquery()
    member = text_of('"') + cast(each.c.id, Text) + text_of('"')
    listed = func.string_agg(member, aggregate_order_by(text_of(","), each.c.id))
    found: ColumnElement[str] = select(func.coalesce(listed, text_of(""))).scalar_subquery()
    return found
