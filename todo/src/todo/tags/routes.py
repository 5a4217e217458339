"""`/api/{user_id}/tags`."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Request, Response

from todo.accounts.dependencies import OwnerId
from todo.etag import ETAG_HEADER, NOT_MODIFIED, IfMatch, IfNoneMatch, etag, tagged
from todo.idempotency.dependencies import REPLAYED_HEADER, OnceDep, created
from todo.idempotency.service import Answer
from todo.paging import LINK_HEADER, LOCATION_HEADER, link_next
from todo.tags import service
from todo.tags.schemas import (
    CountedTag,
    TagCreate,
    TagPage,
    TagPatch,
    TagQuery,
    TagRead,
    tag_cursor,
)
from todo.tasks import service as tasks_service
from todo.tasks.schemas import TaskRead
from todo.units import Session, run_change
from todo.web.routing import SegmentRouter
from wellhead.fastapi import ReaderDep, RunDep, problem_responses

TagId = Annotated[UUID, Path(description="The tag's id.")]
TaskId = Annotated[UUID, Path(description="The task's id.")]

_TAGGED: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG_HEADER}}

router = SegmentRouter(prefix="/api/{user_id}/tags", tags=["Tags"])


@router.get(
    "",
    responses={200: {"headers": LINK_HEADER}, **problem_responses(401, 403, 413, 422, 503, 504)},
)
async def list_tags(
    owner_id: OwnerId,
    query: Annotated[TagQuery, Query()],
    reader: ReaderDep,
    request: Request,
    response: Response,
) -> TagPage:
    """List your tags in the order of their names, each with how many tasks carry it."""
    tags, end = await service.page(reader, owner_id=owner_id, after=query.after, limit=query.limit)
    cursor = tag_cursor(end)
    items = [CountedTag.counted(tag, count) for tag, count in tags]
    link_next(request, response, cursor)
    return TagPage(items=items, next_cursor=cursor)


@router.post(
    "",
    status_code=201,
    response_model=TagRead,
    responses={
        201: {"headers": {**ETAG_HEADER, **LOCATION_HEADER, **REPLAYED_HEADER}},
        **problem_responses(400, 401, 403, 409, 413, 422, 503, 504),
    },
)
async def create_tag(
    owner_id: OwnerId, body: TagCreate, once: OnceDep, request: Request
) -> Response:
    """Create a tag. A name that differs from another one only by case is taken."""

    async def create(session: Session) -> Answer:
        tag = await service.create(session, owner_id=owner_id, name=body.name, color=body.color)
        return created(
            TagRead.of(tag),
            owner_id=owner_id,
            location=f"{request.url.path.rstrip('/')}/{tag.id}",
            etag=etag(tag.revision),
        )

    return await once(create)


@router.get(
    "/{tag_id}",
    response_model=TagRead,
    responses={
        **_TAGGED,
        **NOT_MODIFIED,
        **problem_responses(400, 401, 403, 404, 413, 422, 503, 504),
    },
)
async def read_tag(
    owner_id: OwnerId, tag_id: TagId, reader: ReaderDep, response: Response, known: IfNoneMatch
) -> TagRead | Response:
    """Read a tag."""
    tag = await service.get(reader, owner_id=owner_id, tag_id=tag_id)
    if known is not None and tag.revision in known:
        return Response(status_code=304, headers={"ETag": etag(tag.revision)})
    return tagged(response, TagRead.of(tag))


@router.patch(
    "/{tag_id}",
    responses={**_TAGGED, **problem_responses(400, 401, 403, 404, 409, 412, 413, 422, 503, 504)},
)
async def change_tag(
    *,
    owner_id: OwnerId,
    tag_id: TagId,
    body: TagPatch,
    run: RunDep,
    response: Response,
    expected: IfMatch,
) -> TagRead:
    """Rename or recolour a tag: what is absent stays as it is."""
    tag = await run_change(
        run,
        lambda session: service.update(
            session, owner_id=owner_id, tag_id=tag_id, changes=body.changes(), expected=expected
        ),
        condition=expected,
    )
    return tagged(response, TagRead.of(tag))


@router.delete(
    "/{tag_id}",
    status_code=204,
    responses=problem_responses(400, 401, 403, 404, 412, 413, 422, 503, 504),
)
async def delete_tag(owner_id: OwnerId, tag_id: TagId, run: RunDep, expected: IfMatch) -> None:
    """Delete a tag and take it off every task; the tasks stay."""
    await run(
        lambda session: service.remove(session, owner_id=owner_id, tag_id=tag_id, expected=expected)
    )


@router.put(
    "/{tag_id}/tasks/{task_id}",
    responses={**_TAGGED, **problem_responses(400, 401, 403, 404, 409, 412, 413, 422, 503, 504)},
)
async def attach_tag(
    *,
    owner_id: OwnerId,
    tag_id: TagId,
    task_id: TaskId,
    run: RunDep,
    response: Response,
    expected: IfMatch,
) -> TaskRead:
    """Put a tag on a task; `If-Match` and `ETag` are the task's."""
    task = await run_change(
        run,
        lambda session: tasks_service.attach(
            session, owner_id=owner_id, task_id=task_id, tag_id=tag_id, expected=expected
        ),
        condition=expected,
    )
    return tagged(response, TaskRead.of(task))


@router.delete(
    "/{tag_id}/tasks/{task_id}",
    responses={**_TAGGED, **problem_responses(400, 401, 403, 404, 412, 413, 422, 503, 504)},
)
async def detach_tag(
    *,
    owner_id: OwnerId,
    tag_id: TagId,
    task_id: TaskId,
    run: RunDep,
    response: Response,
    expected: IfMatch,
) -> TaskRead:
    """Take a tag off a task; `If-Match` and `ETag` are the task's."""
    task = await run_change(
        run,
        lambda session: tasks_service.detach(
            session, owner_id=owner_id, task_id=task_id, tag_id=tag_id, expected=expected
        ),
        condition=expected,
    )
    return tagged(response, TaskRead.of(task))
