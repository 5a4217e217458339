"""`/api/{user_id}/tags`."""

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
from todo.tags import service
from todo.tags.schemas import (
    TagCreate,
    TagPage,
    TagPatch,
    TagQuery,
    TagRead,
    tag_cursor,
)
from todo.tasks import service as tasks_service
from todo.tasks.schemas import TaskRead
from todo.web.routing import SegmentRouter
from wellhead.fastapi import problem_responses

TagId = Annotated[UUID, Path(description="The tag's id.")]
TaskId = Annotated[UUID, Path(description="The task's id.")]

_TAGGED: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG_HEADER}}

router = SegmentRouter(prefix="/api/{user_id}/tags", tags=["Tags"])


@router.get(
    "",
    response_model=TagPage,
    responses={200: {"headers": LINK_HEADER}, **problem_responses(401, 403, 413, 422, 503, 504)},
)
async def list_tags(
    owner_id: OwnerId,
    query: Annotated[TagQuery, Query()],
    request: Request,
) -> Response:
    """List your tags in the order of their names, each with how many tasks carry it."""
    tags, end = await service.page(
        database_of(request), owner_id=owner_id, after=query.after, limit=query.limit
    )
    return page_response(request, (tag.document for tag in tags), tag_cursor(end))


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
    new = service.new_tag(owner_id=owner_id, tag_id=body.id, name=body.name, color=body.color)
    creation = service.CREATION if body.id is None else service.CREATION_BY_ID
    return await once(creation, new, location=f"{request.url.path}/{new['tag_id']}")


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
    owner_id: OwnerId, tag_id: TagId, request: Request, if_none_match: IfNoneMatch = None
) -> Response:
    """Read a tag."""
    known = known_by(request, if_none_match)
    tag = await service.get(database_of(request), owner_id=owner_id, tag_id=tag_id)
    if known is not None and tag.revision in known:
        return not_modified(tag.revision)
    return tagged(tag)


@router.patch(
    "/{tag_id}",
    response_model=TagRead,
    responses={**_TAGGED, **problem_responses(400, 401, 403, 404, 409, 412, 413, 422, 503, 504)},
)
async def change_tag(
    *,
    owner_id: OwnerId,
    tag_id: TagId,
    body: TagPatch,
    request: Request,
    if_match: IfMatch = None,
) -> Response:
    """Rename or recolour a tag: what is absent stays as it is."""
    expected = expected_by(request, if_match)
    tag = await service.update(
        database_of(request),
        owner_id=owner_id,
        tag_id=tag_id,
        changes=body.changes(),
        expected=expected,
    )
    return tagged(tag)


@router.delete(
    "/{tag_id}",
    status_code=204,
    responses=problem_responses(400, 401, 403, 404, 412, 413, 422, 503, 504),
)
async def delete_tag(
    owner_id: OwnerId, tag_id: TagId, request: Request, if_match: IfMatch = None
) -> None:
    """Delete a tag and take it off every task; the tasks stay."""
    expected = expected_by(request, if_match)
    await service.remove(database_of(request), owner_id=owner_id, tag_id=tag_id, expected=expected)


@router.put(
    "/{tag_id}/tasks/{task_id}",
    response_model=TaskRead,
    responses={**_TAGGED, **problem_responses(400, 401, 403, 404, 409, 412, 413, 422, 503, 504)},
)
async def attach_tag(
    *,
    owner_id: OwnerId,
    tag_id: TagId,
    task_id: TaskId,
    request: Request,
    if_match: IfMatch = None,
) -> Response:
    """Put a tag on a task; `If-Match` and `ETag` are the task's."""
    expected = expected_by(request, if_match)
    task = await tasks_service.attach(
        database_of(request), owner_id=owner_id, task_id=task_id, tag_id=tag_id, expected=expected
    )
    return tagged(task)


@router.delete(
    "/{tag_id}/tasks/{task_id}",
    response_model=TaskRead,
    responses={**_TAGGED, **problem_responses(400, 401, 403, 404, 412, 413, 422, 503, 504)},
)
async def detach_tag(
    *,
    owner_id: OwnerId,
    tag_id: TagId,
    task_id: TaskId,
    request: Request,
    if_match: IfMatch = None,
) -> Response:
    """Take a tag off a task; `If-Match` and `ETag` are the task's."""
    expected = expected_by(request, if_match)
    task = await tasks_service.detach(
        database_of(request), owner_id=owner_id, task_id=task_id, tag_id=tag_id, expected=expected
    )
    return tagged(task)
