"""Exception groups in a request: what several failures at once mean to its client."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from fastapi.requests import HTTPConnection
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from wellhead.errors.groups import is_of_database, leaves_of
from wellhead.errors.recognition import decisive
from wellhead.errors.unloaded import not_loaded

Handler = Callable[[Any, Any], Any]


def failure_in(error: BaseException) -> Exception | None:
    """The database failure that an exception is or contains; None if there is none.

    A group that contains a cancellation is not an ``Exception``, so handlers never see it: here it
    counts without the cancellation, unless the request itself is cancelled.
    """
    leaves = leaves_of(error)
    if not any(map(is_of_database, leaves)):
        return not_loaded(error)
    if isinstance(error, Exception):
        return error
    task = asyncio.current_task()
    is_cancelled = task is not None and task.cancelling() > 0
    if is_cancelled or not all(isinstance(each, _ENDS) for each in leaves):
        return None
    return ExceptionGroup(str(error), [each for each in leaves if isinstance(each, Exception)])


def spokesman(group: BaseException, connection: HTTPConnection) -> Exception | None:
    """The exception of a group that decides the response, or None for an unexpected error.

    That is its gravest database failure. Without one it is the first exception, provided there is a
    handler for each of them, such as for ``HTTPException``.
    """
    leaves = leaves_of(group)
    failures = [each for each in leaves if isinstance(each, Exception) and is_of_database(each)]
    if failures:
        chosen = decisive(ExceptionGroup("database failures", failures))
    elif all(handler_of(each, connection) for each in leaves):
        chosen = leaves[0]
    else:
        return None
    return chosen if isinstance(chosen, Exception) else None


def handler_of(error: BaseException, connection: HTTPConnection) -> Handler | None:
    """The application's handler for an exception, as Starlette finds it, or None."""
    by_class, by_status = connection.scope["starlette.exception_handlers"]
    handler: Handler | None = None
    if isinstance(error, HTTPException):
        handler = by_status.get(error.status_code)
    for kind in type(error).__mro__:
        handler = handler or by_class.get(kind)
    return handler


async def answer_with(handler: Handler, connection: HTTPConnection, error: BaseException) -> Any:
    """Call a handler, sync or async, as Starlette does."""
    if inspect.iscoroutinefunction(handler):
        answer = await handler(connection, error)
    else:
        answer = await run_in_threadpool(handler, connection, error)
        answer = await answer if inspect.isawaitable(answer) else answer
    return answer


_ENDS = (Exception, asyncio.CancelledError)
