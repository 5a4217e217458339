"""`/api/{user_id}/tasks`."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Request, Response

from todo.accounts.dependencies import OwnerId
from todo.database import database_of
from todo.etag import (
    ETAG_HEADER,
    NOT_MODIFIED,
    IfMatch,
    IfNoneMatch,
    expected_by,
    known_by,
    not_modified,
    tagged,
)
from todo.idempotency.dependencies import REPLAYED_HEADER, OnceDep
from todo.paging import LINK_HEADER, LOCATION_HEADER, page_response
from todo.tasks import bulk, deleted, listing, service
from todo.tasks.counts import counts
from todo.tasks.schemas import (
    BulkRead,
    BulkWrite,
    Completion,
    CountsQuery,
    TaskCounts,
    TaskCreate,
    TaskMove,
    TaskPage,
    TaskPatch,
    TaskQuery,
    TaskRead,
    TaskWrite,
)
from todo.web.routing import SegmentRouter, keep_free
from wellhead.fastapi import problem_responses

TaskId = Annotated[UUID, Path(description="The task's id.")]

DONE = Completion()

_TAGGED: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG_HEADER}}
_CHANGED = {**_TAGGED, **problem_responses(400, 401, 403, 404, 412, 413, 422, 503, 504)}

keep_free("task", "bulk", "counts")

router = SegmentRouter(prefix="/api/{user_id}/tasks", tags=["Tasks"])


@router.get(
    "",
    response_model=TaskPage,
    responses={200: {"headers": LINK_HEADER}, **problem_responses(401, 403, 413, 422, 503, 504)},
)
async def list_tasks(
    owner_id: OwnerId,
    query: Annotated[TaskQuery, Query()],
    request: Request,
) -> Response:
    """List your tasks: filtered, searched and sorted, a page at a time."""
    tasks, end = await listing.page(
        database_of(request),
        owner_id=owner_id,
        filters=query,
        sort=query.sort,
        after=query.after,
        limit=query.limit,
    )
    return page_response(request, (task.document for task in tasks), query.cursor_at(end))


@router.post(
    "",
    status_code=201,
    response_model=TaskRead,
    responses={
        201: {"headers": {**ETAG_HEADER, **LOCATION_HEADER, **REPLAYED_HEADER}},
        **problem_responses(400, 401, 403, 409, 413, 422, 503, 504),
    },
)
async def create_task(
    owner_id: OwnerId, body: TaskCreate, once: OnceDep, request: Request
) -> Response:
    """Create a task, along with any new tags that it names."""
    new = service.new_task(owner_id=owner_id, task_id=body.id, **body.changes())
    creation = service.CREATION if body.id is None else service.CREATION_BY_ID
    return await once(creation, new, location=f"{request.url.path}/{new['task_id']}")


@router.post(
    "/bulk",
    response_model=BulkRead,
    responses={
        200: {"headers": REPLAYED_HEADER},
        **problem_responses(400, 401, 403, 409, 413, 422, 503, 504),
    },
)
async def change_tasks(owner_id: OwnerId, body: BulkWrite, once: OnceDep) -> Response:
    """Complete, reopen, delete or restore many tasks at once: all or, if that fails, none."""
    if body.filter is None:
        work, values = bulk.by_ids(body.action, owner_id=owner_id, ids=body.ids or [])
    else:
        work, values = bulk.by_filters(body.action, owner_id=owner_id, filters=body.filter)
    return await once(work, values)


@router.get(
    "/counts",
    response_model=TaskCounts,
    responses=problem_responses(401, 403, 413, 422, 503, 504),
)
async def count_tasks(
    owner_id: OwnerId, query: Annotated[CountsQuery, Query()], request: Request
) -> Response:
    """Count your tasks: open, completed, overdue, due today, and by tag."""
    found = await counts(database_of(request), owner_id=owner_id, time_zone=query.time_zone)
    return Response(found.document, media_type="application/json")


@router.get(
    "/{task_id:task}",
    response_model=TaskRead,
    responses={
        **_TAGGED,
        **NOT_MODIFIED,
        **problem_responses(400, 401, 403, 404, 413, 422, 503, 504),
    },
)
async def read_task(
    owner_id: OwnerId, task_id: TaskId, request: Request, if_none_match: IfNoneMatch = None
) -> Response:
    """Read a task."""
    known = known_by(request, if_none_match)
    task = await service.get(database_of(request), owner_id=owner_id, task_id=task_id)
    if known is not None and task.revision in known:
        return not_modified(task.revision)
    return tagged(task)


@router.put("/{task_id:task}", response_model=TaskRead, responses=_CHANGED)
async def replace_task(
    *,
    owner_id: OwnerId,
    task_id: TaskId,
    body: TaskWrite,
    request: Request,
    if_match: IfMatch = None,
) -> Response:
    """Replace a task: fields that are left out are reset to their default."""
    return await _update(request, owner_id, task_id, body.changes(), if_match)


@router.patch("/{task_id:task}", response_model=TaskRead, responses=_CHANGED)
async def change_task(
    *,
    owner_id: OwnerId,
    task_id: TaskId,
    body: TaskPatch,
    request: Request,
    if_match: IfMatch = None,
) -> Response:
    """Change a task: absent fields are kept, null clears."""
    return await _update(request, owner_id, task_id, body.changes(), if_match)


@router.patch("/{task_id}/complete", response_model=TaskRead, responses=_CHANGED)
async def complete_task(
    *,
    owner_id: OwnerId,
    task_id: TaskId,
    request: Request,
    if_match: IfMatch = None,
    body: Completion = DONE,
) -> Response:
    """Mark a task as completed, or as open again; repeated, it keeps the first time."""
    changes = service.TaskChanges(completed=body.completed)
    return await _update(request, owner_id, task_id, changes, if_match)


@router.patch("/{task_id}/position", response_model=TaskRead, responses=_CHANGED)
async def move_task(
    *,
    owner_id: OwnerId,
    task_id: TaskId,
    body: TaskMove,
    request: Request,
    if_match: IfMatch = None,
) -> Response:
    """Move a task in the manual order, which `sort=position` shows."""
    task = await service.move(
        database_of(request),
        owner_id=owner_id,
        task_id=task_id,
        is_after=body.is_after,
        anchor_id=body.after or body.before,
        expected=expected_by(request, if_match),
    )
    return tagged(task)


@router.delete(
    "/{task_id:task}",
    status_code=204,
    responses=problem_responses(400, 401, 403, 404, 412, 413, 422, 503, 504),
)
async def delete_task(
    owner_id: OwnerId, task_id: TaskId, request: Request, if_match: IfMatch = None
) -> None:
    """Delete a task."""
    expected = expected_by(request, if_match)
    await service.remove(
        database_of(request), owner_id=owner_id, task_id=task_id, expected=expected
    )


@router.post(
    "/{task_id}/restore",
    response_model=TaskRead,
    responses={**_TAGGED, **problem_responses(401, 403, 404, 413, 422, 503, 504)},
)
async def restore_task(owner_id: OwnerId, task_id: TaskId, request: Request) -> Response:
    """Bring back a deleted task with its tags; repeated, it does nothing more."""
    task = await deleted.restore(database_of(request), owner_id=owner_id, task_id=task_id)
    return tagged(task)


async def _update(
    request: Request,
    owner_id: UUID,
    task_id: UUID,
    changes: service.TaskChanges,
    if_match: str | None,
) -> Response:
    expected = expected_by(request, if_match)
    task = await service.update(
        database_of(request), owner_id=owner_id, task_id=task_id, changes=changes, expected=expected
    )
    return tagged(task)
