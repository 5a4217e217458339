"""Every error of an application as a problem, and the routes about the database."""

import logging
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Response
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.requests import HTTPConnection
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

from wellhead.database import Database
from wellhead.errors import (
    Classification,
    CommitUnknownError,
    ConfigurationError,
    Fault,
    WellheadError,
    classify,
    is_of_database,
    leaves_of,
    not_loaded,
    words_of,
)
from wellhead.fastapi.deadlines import add_deadline, share_deadline
from wellhead.fastapi.draining import Farewell
from wellhead.fastapi.precedence import add_handlers, leave_out_answered
from wellhead.fastapi.probes import add_probes
from wellhead.fastapi.problems import (
    ValidationFault,
    describe_problems,
    phrase_of,
    problem_response,
)
from wellhead.fastapi.refusals import Refusals
from wellhead.fastapi.sockets import fit
from wellhead.fastapi.targets import allowed_methods, shown
from wellhead.fastapi.task_groups import answer_with, handler_of, spokesman
from wellhead.pool.holders import place_of_failure
from wellhead.sessions.commits import current_commits

logger = logging.getLogger("wellhead.fastapi")

MOST_FAULTS = 100
"""So many values of one request are named at the most; a large body may hold more bad ones."""

LONGEST_FIELD = 200
"""So many characters of a field's name are repeated: a client may have made up a longer one."""

_MOST_NAMES = 5


def install(app: FastAPI, database: Database[Any], *, metrics: bool = False) -> None:
    """Give the application its database, its error handlers and the routes about the database.

    From now on a request has ``DATABASE_REQUEST_TIMEOUT`` seconds until its answer begins, and
    its work ends when its client has gone.

    The routes are ``/health``, ``/health/live``, ``/health/startup``, ``/health/ready``,
    ``/health/db`` and ``/db/pool-status``. What the application has of its own wins, whether it
    was added before or is added after: its handler for the same exception or a more specific one,
    and its route for the same path.

    Applications that are mounted in this one share its database and its deadline, and their
    failures of the database are answered as here.

    Args:
        app: The application, before it serves.
        database: Its database; it may still be closed.
        metrics: Whether to add ``/metrics`` for Prometheus, too.

    Raises:
        ConfigurationError: Metrics are wanted, and prometheus-client is not installed.
    """
    app.state.database = database
    add_handlers(
        app,
        {
            HTTPException: answer_http_exception,
            RequestValidationError: answer_validation_error,
            SQLAlchemyError: answer_database_error,
            WellheadError: Refusals(answer_database_error),
            ResponseValidationError: answer_unreadable,
            ValidationError: answer_unreadable,
            ExceptionGroup: answer_group,
            Exception: answer_unexpected_error,
        },
    )
    before = len(app.router.routes)
    add_probes(app)
    if metrics:
        _install_metrics(app, database)
    added = [each for each in app.router.routes[before:] if isinstance(each, Route)]
    add_deadline(app, seconds=database.settings.request_timeout)
    app.add_middleware(Farewell, database=database)

    def settle() -> None:
        leave_out_answered(app, added)
        added[:] = [each for each in added if each in app.router.routes]

    def start(stack: ASGIApp) -> ASGIApp:
        # Starlette makes its middleware when the application starts; this one adds nothing to it.
        settle()
        share_deadline(app)
        return stack

    app.add_middleware(start)
    describe_problems(app, refusal=answer_validation_error, before=settle)


def _install_metrics(app: FastAPI, database: Database) -> None:
    try:
        from wellhead.fastapi.prometheus import install_metrics  # noqa: PLC0415 - an optional package
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"Metrics need the package {error.name}, which is not installed.",
            hint='Install it with pip install "wellhead[metrics]".',
        ) from error
    install_metrics(app, database)


async def answer_http_exception(connection: HTTPConnection, error: Exception) -> Response:
    """Answer what a route or the router itself refused.

    A detail that is not text, which a problem has no place for, becomes its member ``details``.
    """
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    status, headers = error.status_code, dict(error.headers or {})
    if status < HTTPStatus.BAD_REQUEST:
        # No error: a redirection, or a status without a body.
        return fit(connection, Response(status_code=status, headers=headers))
    if status == HTTPStatus.METHOD_NOT_ALLOWED and (allowed := allowed_methods(connection)):
        headers["Allow"] = ", ".join(allowed)
    return fit(
        connection,
        problem_response(status, headers=headers, **_members_of(error.detail, status=status)),
    )


def _members_of(detail: object, *, status: int) -> Mapping[str, Any]:
    if not isinstance(detail, str):
        return {} if detail is None else {"details": detail}
    return {} if detail in {"", phrase_of(status)} else {"detail": detail}


async def answer_validation_error(connection: HTTPConnection, error: Exception) -> Response:
    """Answer 422 and name each field; the values themselves are not repeated."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    faults = [_fault_of(item) for item in error.errors()[:MOST_FAULTS]]
    names = list(dict.fromkeys(fault.field for fault in faults))
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return fit(
        connection,
        problem_response(
            422,
            title="The request is not valid.",
            detail=f"Look at: {', '.join(names[:_MOST_NAMES])}{more}.",
            errors=faults,
        ),
    )


def _fault_of(item: Mapping[str, Any]) -> ValidationFault:
    place, message = item["loc"], item["msg"]
    if item["type"] == "json_invalid":
        # What follows is not the name of a field but where in the text the parser gave up.
        place, message = place[:1], f"{message} at character {place[-1]}"
    field = ".".join(str(part) for part in place)
    if len(field) > LONGEST_FIELD:
        field = f"{field[:LONGEST_FIELD]}…"
    return ValidationFault(field=field, message=message, code=item["type"])


async def answer_database_error(connection: HTTPConnection, error: Exception) -> Response:
    """Answer a failure of the database by what it means; see :func:`wellhead.classify`.

    Where a COMMIT of the request had no answer, what failed after that does not matter.
    """
    commits = current_commits.get()
    if commits is not None and commits.unknown and not isinstance(error, CommitUnknownError):
        unknown = CommitUnknownError.after_silence()
        unknown.__cause__ = error
        error = unknown
    error = not_loaded(error) or error
    meaning = classify(error)
    _log(connection, error, meaning)
    after = meaning.retry_after
    return fit(
        connection,
        problem_response(
            meaning.http_status,
            title=meaning.title,
            type=f"urn:wellhead:{meaning.fault}",
            headers={"Retry-After": str(after)} if after is not None else None,
            **_commits_before(error),
        ),
    )


def _commits_before(error: Exception) -> Mapping[str, Any]:
    """How many transactions the request had committed, where it had."""
    commits = current_commits.get()
    count = commits.succeeded if commits is not None else getattr(error, "commits", 0)
    return {"commits": count} if count else {}


async def answer_unreadable(connection: HTTPConnection, error: Exception) -> Response:
    """Answer a model that could not be made, where an attribute of a row was not loaded.

    Raises:
        ValidationError: It is unexpected.
        ResponseValidationError: The same.
    """
    unloaded = not_loaded(error)
    if unloaded is None:
        raise error
    return await answer_database_error(connection, unloaded)


async def answer_group(connection: HTTPConnection, error: Exception) -> Any:
    """Answer an exception group as the exception of it that says most; see :func:`spokesman`.

    The others are logged.

    Raises:
        ExceptionGroup: It is unexpected.
    """
    chosen = spokesman(error, connection)
    if chosen is None or (handler := handler_of(chosen, connection)) is None:
        raise error
    for other in leaves_of(error):
        if other is chosen:
            continue
        if isinstance(other, Exception) and is_of_database(other):
            _log(connection, other, classify(other))
        elif handler_of(other, connection) is None:
            logger.error("unexpected, beside a failure of the database", exc_info=other)
    return await answer_with(handler, connection, chosen)


async def answer_unexpected_error(connection: HTTPConnection, error: Exception) -> Response:
    """Answer 500 and say nothing of the cause; the server logs it with its traceback."""
    return fit(
        connection,
        problem_response(500, detail="The error was logged.", **_commits_before(error)),
    )


def _log(connection: HTTPConnection, error: Exception, meaning: Classification) -> None:
    level = logging.WARNING if meaning.is_expected else logging.ERROR
    # Of a mistake the frames tell the place. A formatted exception would tell the statement, too,
    # where the engine is not Wellhead's.
    frames = "" if meaning.is_expected else "".join(traceback.format_tb(error.__traceback__))
    method, path = shown(connection.scope)
    hint = error.hint if isinstance(error, WellheadError) else None
    is_of_code = meaning.fault is Fault.INVALID_DATA or not meaning.is_expected
    place = place_of_failure(error) if is_of_code else None
    logger.log(
        level,
        "%s %s failed: %s (%s, SQLSTATE %s): %s%s%s%s",
        method,
        path,
        meaning.fault,
        type(error).__name__,
        meaning.sqlstate or "none",
        words_of(error),
        f" {hint}" if hint else "",
        f" [in {place}]" if place else "",
        f"\n{frames}" if frames else "",
        extra={
            "event": "database_error",
            "fault": str(meaning.fault),
            "sqlstate": meaning.sqlstate,
            "status": meaning.http_status,
            "path": path,
        },
    )
