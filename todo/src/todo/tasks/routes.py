"""`/api/{user_id}/tasks`."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Request, Response

from todo.accounts.dependencies import OwnerId
from todo.etag import ETAG_HEADER, NOT_MODIFIED, IfMatch, IfNoneMatch, etag, tagged
from todo.idempotency.dependencies import REPLAYED_HEADER, OnceDep, created
from todo.idempotency.service import Answer
from todo.paging import LINK_HEADER, LOCATION_HEADER, link_next
from todo.tasks import listing, service
from todo.tasks.schemas import Completion, TaskPage, TaskPatch, TaskQuery, TaskRead, TaskWrite
from todo.units import Session, run_change
from todo.web.routing import SegmentRouter
from wellhead.fastapi import ReaderDep, RunDep, problem_responses

TaskId = Annotated[UUID, Path(description="The task's id.")]

DONE = Completion()

_TAGGED: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG_HEADER}}
_CHANGED = {**_TAGGED, **problem_responses(400, 401, 403, 404, 412, 413, 422, 503, 504)}

router = SegmentRouter(prefix="/api/{user_id}/tasks", tags=["Tasks"])


@router.get(
    "",
    responses={200: {"headers": LINK_HEADER}, **problem_responses(401, 403, 413, 422, 503, 504)},
)
async def list_tasks(
    owner_id: OwnerId,
    query: Annotated[TaskQuery, Query()],
    reader: ReaderDep,
    request: Request,
    response: Response,
) -> TaskPage:
    """List your tasks: filtered, searched and in order, a page at a time."""
    tasks, end = await listing.page(
        reader,
        owner_id=owner_id,
        filters=query,
        sort=query.sort,
        after=query.after,
        limit=query.limit,
    )
    cursor = query.cursor_at(end)
    items = [TaskRead.of(task) for task in tasks]
    link_next(request, response, cursor)
    return TaskPage(items=items, next_cursor=cursor)


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
    owner_id: OwnerId, body: TaskWrite, once: OnceDep, request: Request
) -> Response:
    """Create a task, and the tags it names that you do not have yet."""

    async def create(session: Session) -> Answer:
        task = await service.create(session, owner_id=owner_id, **body.changes())
        return created(
            TaskRead.of(task),
            owner_id=owner_id,
            location=f"{request.url.path.rstrip('/')}/{task.id}",
            etag=etag(task.revision),
        )

    return await once(create)


@router.get(
    "/{task_id}",
    response_model=TaskRead,
    responses={
        **_TAGGED,
        **NOT_MODIFIED,
        **problem_responses(400, 401, 403, 404, 413, 422, 503, 504),
    },
)
async def read_task(
    owner_id: OwnerId,
    task_id: TaskId,
    reader: ReaderDep,
    response: Response,
    known: IfNoneMatch,
) -> TaskRead | Response:
    """Read a task."""
    task = await service.get(reader, owner_id=owner_id, task_id=task_id)
    if known is not None and task.revision in known:
        return Response(status_code=304, headers={"ETag": etag(task.revision)})
    return tagged(response, TaskRead.of(task))


@router.put("/{task_id}", responses=_CHANGED)
async def replace_task(
    *,
    owner_id: OwnerId,
    task_id: TaskId,
    body: TaskWrite,
    run: RunDep,
    response: Response,
    expected: IfMatch,
) -> TaskRead:
    """Replace a task: what is left out goes back to its default."""
    task = await run_change(
        run,
        lambda session: service.update(
            session, owner_id=owner_id, task_id=task_id, changes=body.changes(), expected=expected
        ),
        condition=expected,
    )
    return tagged(response, TaskRead.of(task))


@router.patch("/{task_id}", responses=_CHANGED)
async def change_task(
    *,
    owner_id: OwnerId,
    task_id: TaskId,
    body: TaskPatch,
    run: RunDep,
    response: Response,
    expected: IfMatch,
) -> TaskRead:
    """Change a task: what is absent stays as it is, null clears."""
    task = await run_change(
        run,
        lambda session: service.update(
            session, owner_id=owner_id, task_id=task_id, changes=body.changes(), expected=expected
        ),
        condition=expected,
    )
    return tagged(response, TaskRead.of(task))


@router.patch("/{task_id}/complete", responses=_CHANGED)
async def complete_task(
    *,
    owner_id: OwnerId,
    task_id: TaskId,
    run: RunDep,
    response: Response,
    expected: IfMatch,
    body: Completion = DONE,
) -> TaskRead:
    """Mark a task as done, or as open again; done twice, it keeps the first time."""
    changes = service.TaskChanges(completed=body.completed)
    task = await run_change(
        run,
        lambda session: service.update(
            session, owner_id=owner_id, task_id=task_id, changes=changes, expected=expected
        ),
        condition=expected,
    )
    return tagged(response, TaskRead.of(task))


@router.delete(
    "/{task_id}",
    status_code=204,
    responses=problem_responses(400, 401, 403, 404, 412, 413, 422, 503, 504),
)
async def delete_task(owner_id: OwnerId, task_id: TaskId, run: RunDep, expected: IfMatch) -> None:
    """Delete a task."""
    await run(
        lambda session: service.remove(
            session, owner_id=owner_id, task_id=task_id, expected=expected
        )
    )
