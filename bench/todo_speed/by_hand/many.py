"""The routes about many tasks: counts, changes since a time, and changes of many at once."""

import base64
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError

from bench.todo_speed.by_hand.access import Owner
from bench.todo_speed.by_hand.bodies import ShownTask
from bench.todo_speed.by_hand.bodies_of_many import (
    Bulk,
    BulkDone,
    Changes,
    ChangesQuery,
    Counts,
    CountsQuery,
    ShownTag,
    TagCount,
)
from bench.todo_speed.by_hand.shown import shown_tag, shown_task
from bench.todo_speed.by_hand.statements_of_many import BULK, CHANGES, COUNTS, EVERYTHING

_NOWHERE = (-1, UUID(int=0))

router = APIRouter(prefix="/api/{user_id}")


@router.get("/tasks/counts")
async def count_tasks(
    user_id: Owner, query: Annotated[CountsQuery, Query()], request: Request
) -> Counts:
    """How many there are of each kind."""
    zone = ZoneInfo(query.time_zone)
    now = datetime.now(zone)
    today, tomorrow = now.date(), now.date() + timedelta(days=1)
    row = await request.app.state.pool.fetchrow(
        *(COUNTS, user_id, now, _midnight(today, UTC)),
        *(_midnight(today, zone), _midnight(tomorrow, zone)),
    )
    tags = [TagCount(id=tag[0], name=tag[1], open=tag[2]) for tag in row["tags"]]
    return Counts(**{**dict(row), "tags": tags})


@router.post("/tasks/bulk")
async def change_tasks(user_id: Owner, body: Bulk, request: Request) -> BulkDone:
    """Complete, reopen or delete many, all of them or none."""
    row = await request.app.state.pool.fetchrow(
        BULK[body.action], user_id, body.ids, datetime.now(UTC)
    )
    found = {*row["changed"], *row["unchanged"]}
    return BulkDone(
        changed=row["changed"],
        unchanged=row["unchanged"],
        not_found=sorted(each for each in body.ids if each not in found),
        has_more=False,
    )


@router.get("/changes")
async def list_changes(
    user_id: Owner, query: Annotated[ChangesQuery, Query()], request: Request
) -> Changes:
    """What has changed since the last call; first, everything."""
    seen, end, after = _read(query.since)
    values = user_id, query.limit + 1, *after
    if seen is None:
        rows = await request.app.state.pool.fetch(EVERYTHING, *values)
    else:
        rows = await request.app.state.pool.fetch(CHANGES, *values, seen, end)
    end = end or rows[0]["snapshot"]
    has_more = len(rows) > query.limit
    tasks: dict[UUID, ShownTask] = {}
    tags: dict[UUID, ShownTag] = {}
    gone: dict[int, list[UUID]] = {2: [], 3: []}
    for row in rows[: query.limit]:
        kind = row["kind"]
        if kind == 0 and row["title"] is not None:
            tasks[row["id"]] = shown_task(row)
        elif kind == 1:
            tags[row["id"]] = shown_tag(row)
        elif kind in gone:
            gone[kind].append(row["id"])
    last = rows[query.limit - 1] if has_more else None
    return Changes(
        tasks=list(tasks.values()),
        tags=list(tags.values()),
        deleted_task_ids=gone[2],
        deleted_tag_ids=gone[3],
        next_since=_written(end, None, _NOWHERE) if last is None else _written(seen, end, last),
        has_more=has_more,
    )


def _midnight(day: date, zone: Any) -> datetime:
    return datetime.combine(day, time(), zone)


def _written(seen: str | None, end: str | None, after: Any) -> str:
    xid, row_id = after if isinstance(after, tuple) else (after["xid"], after["id"])
    text = f"{seen or ''} {end or ''} {xid} {row_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(since: str | None) -> tuple[str | None, str | None, tuple[int, UUID]]:
    if since is None:
        return None, None, _NOWHERE
    try:
        text = base64.urlsafe_b64decode(since + "=" * (-len(since) % 4)).decode()
        seen, end, xid, row_id = text.split(" ")
        return seen or None, end or None, (int(xid), UUID(row_id))
    except ValueError as error:
        fault: Mapping[str, Any] = {"loc": ("query", "since"), "msg": "not one", "type": "since"}
        raise RequestValidationError([fault]) from error
