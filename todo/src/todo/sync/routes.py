"""`/api/{user_id}/changes`."""

import json
from typing import Annotated

from fastapi import Query, Request, Response

from todo.accounts.dependencies import OwnerId
from todo.database import database_of
from todo.sync import service
from todo.sync.schemas import ChangesQuery, ChangesRead
from todo.web.routing import SegmentRouter
from wellhead.fastapi import problem_responses

router = SegmentRouter(prefix="/api/{user_id}/changes", tags=["Changes"])


@router.get(
    "",
    response_model=ChangesRead,
    responses=problem_responses(401, 403, 410, 413, 422, 503, 504),
)
async def list_changes(
    owner_id: OwnerId, query: Annotated[ChangesQuery, Query()], request: Request
) -> Response:
    """List what has changed since your last call, and what was deleted; first, everything.

    No change is missed, however late its transaction commits; some may be listed twice.
    """
    found = await service.changes(
        database_of(request), owner_id=owner_id, since=query.start, limit=query.limit
    )
    row = found.row
    document = (
        f'{{"tasks":[{row.tasks}],"tags":[{row.tags}]'
        f',"deleted_task_ids":[{row.deleted_tasks}],"deleted_tag_ids":[{row.deleted_tags}]'
        f',"next_since":"{found.since.encode()}","has_more":{json.dumps(row.more)}}}'
    )
    return Response(document, media_type="application/json")
