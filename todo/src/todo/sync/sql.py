"""The statement that reads what has changed, and in the same snapshot how far that is."""

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    column,
    exists,
    func,
    literal_column,
    or_,
    select,
    table,
    true,
    tuple_,
    union_all,
)
from sqlmodel import col

from todo.documents import quoted
from todo.sql import OWNER, text_of
from todo.sync.models import DeletedTag, DeletedTask, DeletionHorizon
from todo.tags.models import CHANGED_XID as TAG_XID
from todo.tags.models import Tag, TaskTag
from todo.tags.sql import document_of as tag_document_of
from todo.tasks.models import CHANGED_XID as TASK_XID
from todo.tasks.models import Task
from todo.tasks.sql import COLUMNS, with_tags
from wellhead import Query, compiled

_TASK = literal_column("0", Integer)
_TAG = literal_column("1", Integer)
_DELETED_TASK = literal_column("2", Integer)
_DELETED_TAG = literal_column("3", Integer)

_HISTORY = table("database_history", column("id", Text))
"""A view of what makes this the database in which a token was made."""

NEXT_XID = cast(cast(func.pg_snapshot_xmax(func.pg_current_snapshot()), Text), BigInteger)
"""The first transaction that has not begun. Rows of later ones were restored from elsewhere."""


@dataclass(slots=True)
class ChangesRow:
    """A page of changes.

    Attributes:
        tasks: The JSON of the tasks, separated by commas; the same for the others.
        more: Whether there are more.
        last_xid: The transaction of the last change, and the id of its object; None if none.
        snapshot: What this statement has seen.
        next_xid: The first transaction that had not begun.
        history: To which database all this applies.
        forgotten: The newest transaction of whose deletions something is forgotten, or 0.
    """

    tasks: str
    tags: str
    deleted_tasks: str
    deleted_tags: str
    more: bool
    last_xid: int | None
    last_id: UUID | None
    snapshot: str
    next_xid: int
    history: str
    forgotten: int


def _xid(name: str) -> ColumnElement[Any]:
    return bindparam(name, type_=BigInteger)


def _xids(name: str) -> ColumnElement[Any]:
    return bindparam(name, type_=ARRAY(BigInteger))


def _is_new(xid: Any) -> ColumnElement[bool]:
    """Whether a transaction had not ended in `seen`, but in `end`."""
    return and_(
        xid >= _xid("seen_xmin"),
        or_(xid >= _xid("seen_xmax"), xid == func.any(_xids("seen_xip"))),
        xid < func.coalesce(_xid("end_xmax"), NEXT_XID),
        xid != func.all(_xids("end_xip")),
    )


def _follows(xid: Any, row: Any) -> ColumnElement[bool]:
    after = tuple_(_xid("after_xid"), bindparam("after_id", type_=Uuid))
    # Where these are of two tables no index has the pair, but one begins at the transaction.
    return and_(xid >= _xid("after_xid"), tuple_(xid, row) > after)


def _is_gone(is_it: ColumnElement[bool]) -> ColumnElement[bool]:
    found = select(literal_column("1", Integer)).where(is_it)
    # With an offset it is looked up for each row; as a join it may read the whole other table.
    return ~found.offset(literal_column("0", Integer)).exists()


def _candidates(kind: ColumnElement[Any], xid: Any, row: Any) -> Select[Any]:
    return (
        select(kind.label("kind"), xid.label("xid"), row.label("id"))
        .where(_follows(xid, row))
        .order_by(xid, row)
        .limit(bindparam("limit", type_=Integer))
    )


def _everything() -> list[Select[Any]]:
    return [
        _candidates(_TASK, TASK_XID, col(Task.id)).where(col(Task.user_id) == OWNER),
        _candidates(_TAG, TAG_XID, col(Tag.id)).where(col(Tag.user_id) == OWNER),
    ]


def _changes() -> list[Select[Any]]:
    task, tag = col(DeletedTask.changed_xid), col(DeletedTag.changed_xid)
    tasks, tags = _everything()
    found = [tasks.where(_is_new(TASK_XID)), tags.where(_is_new(TAG_XID))]
    # A task shows its tags: it looks different when one of them is changed or deleted.
    found.append(
        _candidates(_TASK, TAG_XID, col(TaskTag.task_id))
        .join_from(Tag, TaskTag, col(TaskTag.tag_id) == col(Tag.id))
        .where(col(Tag.user_id) == OWNER, _is_new(TAG_XID))
    )
    carried = (
        func.unnest(col(DeletedTag.task_ids))
        .table_valued(column("id", Uuid))
        .render_derived("carried")
    )
    found.append(
        _candidates(_TASK, tag, carried.c.id)
        .select_from(DeletedTag)
        .join(carried, true())
        .where(col(DeletedTag.user_id) == OWNER, _is_new(tag))
    )
    # What was deleted and is there again is not deleted.
    found.append(
        _candidates(_DELETED_TASK, task, col(DeletedTask.id)).where(
            col(DeletedTask.user_id) == OWNER,
            _is_new(task),
            _is_gone(col(Task.id) == col(DeletedTask.id)),
        )
    )
    found.append(
        _candidates(_DELETED_TAG, tag, col(DeletedTag.id)).where(
            col(DeletedTag.user_id) == OWNER,
            _is_new(tag),
            _is_gone(col(Tag.id) == col(DeletedTag.id)),
        )
    )
    return found


def _page_of(candidates: list[Select[Any]]) -> Any:
    parts = [select(each.subquery()) for each in candidates]
    every = union_all(*parts).subquery("every")
    limit = bindparam("limit", type_=Integer)
    found = (
        select(every, func.row_number().over(order_by=(every.c.xid, every.c.id)).label("number"))
        .order_by(every.c.xid, every.c.id)
        .limit(limit)
        .cte("found")
    )
    # The last one only tells that there are more.
    page = select(found).where(found.c.number < limit).cte("page")
    last = select(page.c.xid, page.c.id).order_by(page.c.number.desc()).limit(literal_column("1"))
    last_one = last.cte("last")
    tasks = select(*COLUMNS).where(col(Task.id).in_(_ids(page, _TASK)), col(Task.user_id) == OWNER)
    document, _, whole = with_tags(tasks.subquery("task"))
    tag = {each.name: each for each in Tag.__table__.c}  # type: ignore[attr-defined]
    tags = select(tag_document_of(tag).label("document")).where(
        col(Tag.id).in_(_ids(page, _TAG)), col(Tag.user_id) == OWNER
    )
    return select(
        _listed(select(document.label("document")).select_from(whole)).label("tasks"),
        _listed(tags).label("tags"),
        _listed(_quoted_ids(page, _DELETED_TASK)).label("deleted_tasks"),
        _listed(_quoted_ids(page, _DELETED_TAG)).label("deleted_tags"),
        exists(select(found).where(found.c.number == limit)).label("more"),
        select(last_one.c.xid).scalar_subquery().label("last_xid"),
        select(last_one.c.id).scalar_subquery().label("last_id"),
        cast(func.pg_current_snapshot(), Text).label("snapshot"),
        NEXT_XID.label("next_xid"),
        select(_HISTORY.c.id).scalar_subquery().label("history"),
        func.coalesce(
            select(func.max(col(DeletionHorizon.forgotten_xid)))
            .where(col(DeletionHorizon.forgotten_xid) < NEXT_XID)
            .scalar_subquery(),
            literal_column("0"),
        ).label("forgotten"),
    )


def _ids(page: CTE, kind: ColumnElement[Any]) -> Any:
    return select(page.c.id).where(page.c.kind == kind)


def _quoted_ids(page: CTE, kind: ColumnElement[Any]) -> Any:
    return select(quoted(cast(page.c.id, Text)).label("document")).where(page.c.kind == kind)


def _listed(documents: Any) -> Any:
    listed = documents.subquery()
    joined = func.string_agg(listed.c.document, text_of(","))
    return select(func.coalesce(joined, text_of(""))).scalar_subquery()


# Built when they are first used, as in `todo.tasks.changes`.


@cache
def everything() -> Query[ChangesRow]:
    """A page of all tasks and tags of a user, in the order in which they were last changed."""
    return compiled(_page_of(_everything()), into=ChangesRow)


@cache
def changes() -> Query[ChangesRow]:
    """A page of the changes that `seen` does not contain, but `end`."""
    return compiled(_page_of(_changes()), into=ChangesRow)
