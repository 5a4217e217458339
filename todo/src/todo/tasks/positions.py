"""The manual order of a user's tasks: each has a position, and moving one writes only that one.

A position is the digits of a number between 0 and 1 after its point, without zeros at the end. So
texts compare as numbers do, in the database as in any client, and between two positions there is
always another one. A new task gets the time, and comes last without anybody looking for the last.

Two tasks that are moved to the same place at once get different positions with all but certainty;
with the same one they would be ordered by id, and nothing else would go wrong.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Numeric,
    SQLColumnExpression,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    update,
)
from sqlmodel import col

from todo.sql import NOW, OWNER, text_of
from todo.tasks.models import Task
from wellhead import Query, compiled

LONGEST = 60
"""A task that gets a position of more digits has those around it spread. If all moves go into the
same gap, three of them add a digit."""

_SHORT = 32

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SECOND = literal_column(f"{1e-10:.10f}", Numeric)
_MICROSECOND = literal_column(f"{1e-16:.16f}", Numeric)

ANCHOR = bindparam("anchor_id", type_=Uuid)
"""The task next to which another one is moved; NULL for the end of the list."""

_others = Task.__table__.alias("others")  # type: ignore[attr-defined]
_is_other = and_(_others.c.user_id == OWNER, _others.c.id != bindparam("task_id", type_=Uuid))


def position_at(moment: datetime, task_id: UUID) -> str:
    """The position of a task that is created at this time.

    Args:
        moment: Its microseconds since 1970 are the first 16 digits; those of 2286 no longer fit.
        task_id: Its last digits tell tasks of the same microsecond apart.
    """
    microseconds = max(0, (moment - _EPOCH) // timedelta(microseconds=1))
    return f"{microseconds:016d}{task_id.int % 10_000:04d}5"


def has_anchor() -> ColumnElement[bool]:
    """Whether there is the task next to which another one is moved."""
    anchor = select(_others.c.id).where(_is_other, _others.c.id == ANCHOR)
    return ANCHOR.is_(None) | anchor.exists()


def position_beside_anchor(*, is_after: bool) -> ColumnElement[str]:
    """The position for the task `task_id`: its own, if it is there already.

    Args:
        is_after: Whether it comes after the anchor, or first; else before the anchor, or last.
    """
    given = select(_others.c.position).where(_is_other, _others.c.id == ANCHOR).scalar_subquery()
    end = text_of("") if is_after else text_of(":")  # Before and after all digits.
    anchor = func.coalesce(given, end, type_=_others.c.position.type)
    lower: ColumnElement[Any]
    upper: ColumnElement[Any]
    if is_after:
        lower, upper = anchor, _neighbour(func.min, _others.c.position > anchor)
    else:
        lower, upper = _neighbour(func.max, _others.c.position < anchor), given
    gap = select(lower.label("lower"), upper.label("upper")).subquery("gap")
    own = col(Task.position)
    before = func.coalesce(gap.c.upper, text_of(":"))
    is_there = and_(own > func.coalesce(gap.c.lower, text_of("")), own < before)
    low, high = _number(gap.c.lower), _number(gap.c.upper)
    now = _number(bindparam("now_position", type_=Text))
    # One second before the first; and after the last, but before the next new task.
    start = func.coalesce(low, func.greatest(high - 2 * _SECOND, literal_column("0")))
    stop = func.coalesce(high, func.greatest(now, low + 2 * _MICROSECOND))
    part = cast(literal_column("0.4") + literal_column("0.2") * func.random(), Numeric)
    moved = _digits(start + (stop - start) * part, gap=stop - start)
    return (
        select(case((is_there, own), else_=moved))
        .select_from(gap)
        .correlate(Task)
        .scalar_subquery()
    )


@cache
def spread() -> Query[UUID]:
    """Give the tasks of a user with long positions shorter ones, between those that are short.

    A task that is moved meanwhile stays where it was moved to.
    """
    position = _others.c.position
    is_long = func.length(position) > _SHORT
    order = [position, _others.c.id]
    lower = func.max(position).filter(~is_long).over(order_by=order, rows=(None, 0))
    upper = func.min(position).filter(~is_long).over(order_by=order, rows=(0, None))
    known = (
        select(
            _others.c.id,
            position,
            is_long.label("is_long"),
            lower.label("lower"),
            upper.label("upper"),
        )
        .where(_others.c.user_id == OWNER)
        .cte("known")
    )
    order = [known.c.position, known.c.id]
    number = func.row_number().over(partition_by=known.c.lower, order_by=order)
    count = func.count().over(partition_by=known.c.lower)
    ranked = (
        select(known, number.label("number"), count.label("count"))
        .where(known.c.is_long)
        .cte("ranked")
    )
    low = func.coalesce(_number(ranked.c.lower), literal_column("0"))
    steps = cast(ranked.c.count + literal_column("1"), Numeric)
    high = func.coalesce(_number(ranked.c.upper), low + steps * _MICROSECOND)
    step = (high - low) / steps
    return compiled(
        update(Task)
        .where(col(Task.id) == ranked.c.id, col(Task.position) == ranked.c.position)
        .values(
            position=_digits(low + step * ranked.c.number, gap=step),
            version=col(Task.version) + literal_column("1"),
            updated_at=NOW,
        )
        .returning(col(Task.id)),
        is_repeatable=True,
    )


def _neighbour(edge: Any, condition: ColumnElement[bool]) -> ColumnElement[Any]:
    found = select(edge(_others.c.position)).where(_is_other, condition)
    return found.scalar_subquery()


def _number(position: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    return cast(text_of("0.") + func.nullif(position, text_of("")), Numeric)


def _digits(number: ColumnElement[Any], *, gap: ColumnElement[Any]) -> ColumnElement[Any]:
    """The digits of a number, as many as tell it from both ends of its gap."""
    count = cast(literal_column("3") - func.floor(func.log(gap)), Integer)
    text = cast(func.round(number, count), Text)
    return func.rtrim(func.substr(text, literal_column("3")), text_of("0"))
