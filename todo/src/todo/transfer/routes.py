"""`/api/{user_id}/export` and `/api/{user_id}/import`."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from todo.accounts.dependencies import OwnerId
from todo.database import database_of
from todo.idempotency.dependencies import REPLAYED_HEADER, OnceDep
from todo.transfer.exporting import chunks_of, export
from todo.transfer.importing import IMPORT, values_of
from todo.transfer.schemas import ExportRead, ImportRead, ImportWrite
from todo.web.routing import SegmentRouter
from wellhead.fastapi import problem_responses

export_router = SegmentRouter(prefix="/api/{user_id}/export", tags=["Transfer"])
import_router = SegmentRouter(prefix="/api/{user_id}/import", tags=["Transfer"])

routers: tuple[APIRouter, ...] = (export_router, import_router)


@export_router.get(
    "", response_model=ExportRead, responses=problem_responses(401, 403, 413, 422, 503, 504)
)
async def export_everything(owner_id: OwnerId, request: Request) -> Response:
    """Export all your tasks and tags, as they are at one moment."""
    file = await export(database_of(request), owner_id=owner_id)
    headers = {
        "Content-Length": str(file.tell()),
        "Content-Disposition": 'attachment; filename="todo-export.json"',
    }
    return StreamingResponse(chunks_of(file), headers=headers, media_type="application/json")


@import_router.post(
    "",
    response_model=ImportRead,
    responses={
        200: {"headers": REPLAYED_HEADER},
        **problem_responses(400, 401, 403, 409, 413, 422, 503, 504),
    },
)
async def import_everything(owner_id: OwnerId, body: ImportWrite, once: OnceDep) -> Response:
    """Import an export, or a part of one: all of it or, if that fails, nothing.

    What you have stays as it is, so that a second import changes nothing.
    """
    return await once(IMPORT, values_of(body, owner_id=owner_id))
