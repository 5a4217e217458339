"""The routes of the Todo API that are compared, on FastAPI and asyncpg without anything between.

As written by someone who knows both and wants it fast: one pool, one statement for each request,
statements prepared by asyncpg, nothing in a thread. It checks tokens and owners, validates, and
responds in the same words as the Todo API. It has none of what surrounds those routes there:
idempotency keys, conditions such as `If-Match`, filters, deadlines, limits, request ids, retries,
probes, headers for browsers.
"""

import base64
import os
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from uuid_utils.compat import uuid7

from bench.speed.peers.fastapi_asyncpg import lifespan
from bench.todo_speed.by_hand import statements
from bench.todo_speed.by_hand.access import Owner, unauthenticated
from bench.todo_speed.by_hand.bodies import (
    RANKS,
    Done,
    ListQuery,
    NewTask,
    Page,
    ShownTask,
    fold,
    fold_words,
)
from bench.todo_speed.by_hand.many import router
from bench.todo_speed.by_hand.problems import Refusal, answer_invalid, answer_refusal
from bench.todo_speed.by_hand.search import tsquery
from bench.todo_speed.by_hand.shown import shown_task

_DONE = Done()


def _found(row: Mapping[str, Any] | None, response: Response) -> ShownTask:
    if row is None:
        raise Refusal(404, "task-not-found", "You have no task with this id.")
    task = shown_task(row)
    response.headers["ETag"] = task.etag
    return task


def _cursor(created_at: datetime, task_id: UUID) -> str:
    return base64.urlsafe_b64encode(f"{created_at.isoformat()} {task_id}".encode()).decode()


def _position(cursor: str) -> tuple[datetime, UUID]:
    try:
        moment, task_id = base64.urlsafe_b64decode(cursor).decode().split()
        return datetime.fromisoformat(moment), UUID(task_id)
    except ValueError as error:
        fault = {"loc": ("query", "cursor"), "msg": "not a cursor of this list", "type": "cursor"}
        raise RequestValidationError([fault]) from error


async def list_tasks(
    user_id: Owner, query: Annotated[ListQuery, Query()], request: Request, response: Response
) -> Page:
    """The newest tasks first."""
    values: list[Any] = [user_id, query.limit + 1]
    first, later = statements.LIST, statements.LIST_AFTER
    if query.q and query.q.strip():
        values.append(tsquery(query.q))
        first, later = statements.SEARCH, statements.SEARCH_AFTER
    if query.cursor is not None:
        first, values = later, [*values, *_position(query.cursor)]
    rows = await request.app.state.pool.fetch(first, *values)
    cursor = None
    if len(rows) > query.limit:
        rows = rows[: query.limit]
        cursor = _cursor(rows[-1]["created_at"], rows[-1]["id"])
        link = urlencode({**dict(request.query_params), "cursor": cursor})
        response.headers["Link"] = f'<?{link}>; rel="next"'
    return Page(items=[shown_task(row) for row in rows], next_cursor=cursor)


async def read_task(
    user_id: Owner, task_id: UUID, request: Request, response: Response
) -> ShownTask:
    """One task."""
    row = await request.app.state.pool.fetchrow(statements.READ, task_id, user_id)
    return _found(row, response)


async def create_task(
    user_id: Owner, new: NewTask, request: Request, response: Response
) -> ShownTask:
    """A new task, and the tags it names that do not exist yet."""
    now, task_id, rank = datetime.now(UTC), uuid7(), RANKS[new.priority]
    due_date = new.due_date
    is_all_day = False
    if due_date is not None and not isinstance(due_date, datetime):
        due_date, is_all_day = datetime.combine(due_date, time(), UTC), True
    position = f"{int(now.timestamp() * 1_000_000):016d}{task_id.int % 10_000:04d}5"
    completed_at = now if new.completed else None
    try:
        tags = await request.app.state.pool.fetch(
            statements.CREATE,
            task_id,
            user_id,
            new.title,
            new.description,
            rank,
            due_date,
            completed_at,
            now,
            [uuid7() for _ in new.tags],
            new.tags,
            [fold(name) for name in new.tags],
            is_all_day,
            fold_words(new.title),
            None if new.description is None else fold_words(new.description),
            position,
        )
    except asyncpg.ForeignKeyViolationError as error:
        if error.constraint_name not in {"fk_tasks_user_id_users", "fk_tags_user_id_users"}:
            raise
        raise unauthenticated("account-gone", "This account is gone.") from error
    response.headers["Location"] = f"/api/{user_id}/tasks/{task_id}"
    task = {
        "id": task_id,
        "title": new.title,
        "description": new.description,
        "priority": rank,
        "due_date": due_date,
        "is_all_day": is_all_day,
        "completed_at": completed_at,
        "position": position,
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "tags": tags,
    }
    return _found(task, response)


async def complete_task(
    user_id: Owner, task_id: UUID, request: Request, response: Response, done: Done = _DONE
) -> ShownTask:
    """The task as done, or as open again."""
    row = await request.app.state.pool.fetchrow(
        statements.COMPLETE, task_id, user_id, done.completed, datetime.now(UTC)
    )
    return _found(row, response)


async def health() -> dict[str, str]:
    """That it is there; with nothing around it, this is a bare route of FastAPI's."""
    return {"status": "alive", "app": "Todo API", "version": "0.1.0"}


def create_app() -> FastAPI:
    """The application."""
    app = FastAPI(lifespan=lifespan)
    app.state.key = os.environ["JWT_SECRET_KEY"]
    app.add_exception_handler(Refusal, answer_refusal)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    app.add_api_route("/health", health)
    tasks = "/api/{user_id}/tasks"
    app.add_api_route(tasks, list_tasks)
    app.add_api_route(tasks, create_task, methods=["POST"], status_code=201)
    app.include_router(router)
    app.add_api_route(f"{tasks}/{{task_id}}", read_task)
    app.add_api_route(f"{tasks}/{{task_id}}/complete", complete_task, methods=["PATCH"])
    return app
