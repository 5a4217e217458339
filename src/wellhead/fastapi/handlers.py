"""Every error of an application as a problem, or in the form the application chose."""

import logging
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Response
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.requests import HTTPConnection
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from wellhead.errors import (
    Classification,
    Fault,
    SchemaAheadError,
    SchemaBehindError,
    WellheadError,
    classify,
)
from wellhead.errors.discretion import words_of
from wellhead.errors.groups import is_of_database, leaves_of
from wellhead.errors.unloaded import not_loaded
from wellhead.fastapi.forms import failure_response
from wellhead.fastapi.installed import Form, installed_for
from wellhead.fastapi.outcomes import outcome_of, truth_of
from wellhead.fastapi.problems import ValidationFault, phrase_of, problem_response
from wellhead.fastapi.refusals import Refusals
from wellhead.fastapi.sockets import fit
from wellhead.fastapi.targets import allowed_methods, shown
from wellhead.fastapi.task_groups import Handler, answer_with, handler_of, spokesman
from wellhead.pool.holders import place_of_failure

logger = logging.getLogger("wellhead.fastapi")

MOST_FAULTS = 100
"""The most faulty values of one request that are named; a large body may hold more."""

LONGEST_FIELD = 200
"""How many characters of a field's name are repeated: clients may send a longer one."""

_MOST_NAMES = 5


def handlers_for(form: Form) -> dict[type[Exception], Handler]:
    """The handlers that respond in a form, by exception type."""
    if form == "own":
        return {}
    handlers: dict[type[Exception], Handler] = {
        SQLAlchemyError: answer_database_error,
        WellheadError: Refusals(answer_database_error),
        ResponseValidationError: answer_unreadable,
        ValidationError: answer_unreadable,
        ExceptionGroup: answer_group,
    }
    if form == "problems":
        handlers |= {
            HTTPException: answer_http_exception,
            RequestValidationError: answer_validation_error,
            Exception: answer_unexpected_error,
        }
    return handlers


async def answer_http_exception(connection: HTTPConnection, error: Exception) -> Response:
    """Respond to an exception from a route or from the router itself.

    A detail that is not text has no place in a problem; it becomes the member ``details``.
    """
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    status, headers = error.status_code, dict(error.headers or {})
    if status < HTTPStatus.BAD_REQUEST:
        # Not an error: a redirect, or a status without a body.
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
    """Respond with 422 and name each field; the values themselves are not repeated."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    faults = [_fault_of(item) for item in error.errors()[:MOST_FAULTS]]
    names = list(dict.fromkeys(fault.field for fault in faults))
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return fit(
        connection,
        problem_response(
            422,
            title="The request is invalid.",
            detail=f"Check {', '.join(names[:_MOST_NAMES])}{more}.",
            errors=faults,
        ),
    )


def _fault_of(item: Mapping[str, Any]) -> ValidationFault:
    place, message = item["loc"], item["msg"]
    if item["type"] == "json_invalid":
        # The rest is not a field name but the position at which the parser gave up.
        place, message = place[:1], f"{message} at character {place[-1]}"
    field = ".".join(str(part) for part in place)
    if len(field) > LONGEST_FIELD:
        field = f"{field[:LONGEST_FIELD]}…"
    return ValidationFault(field=field, message=message, code=item["type"])


async def answer_database_error(connection: HTTPConnection, error: Exception) -> Response:
    """Respond to a database failure according to its meaning; see :func:`wellhead.classify`.

    If the request had committed, or may have, the response says that instead of the failure.
    """
    error = truth_of(connection, not_loaded(error) or error)
    reason = await _unfit_schema(connection, error)
    meaning = classify(reason or error)
    if reason is None:
        _log(connection, error, meaning)
    after = meaning.retry_after
    return fit(
        connection,
        failure_response(
            connection,
            meaning.http_status,
            title=meaning.title,
            type=f"urn:wellhead:{meaning.fault}",
            headers={"Retry-After": str(after)} if after is not None else None,
            **outcome_of(connection, error),
        ),
    )


async def answer_unreadable(connection: HTTPConnection, error: Exception) -> Response:
    """Respond when a model could not be built because an attribute of a row was not loaded.

    Raises:
        ValidationError: It has another reason.
        ResponseValidationError: The same.
    """
    unloaded = not_loaded(error)
    if unloaded is None:
        raise error
    return await answer_database_error(connection, unloaded)


async def answer_group(connection: HTTPConnection, error: Exception) -> Any:
    """Respond to an exception group as to its most telling exception; see :func:`spokesman`.

    The others are logged.

    Raises:
        ExceptionGroup: It is an unexpected error.
    """
    chosen = spokesman(error, connection)
    if chosen is None or (handler := handler_of(chosen, connection)) is None:
        raise error
    for other in leaves_of(error):
        if other is chosen:
            continue
        if isinstance(other, Exception) and is_of_database(other):
            if await _unfit_schema(connection, other) is None:
                _log(connection, other, classify(other))
        elif handler_of(other, connection) is None:
            logger.error("unexpected, in addition to a database failure", exc_info=other)
    return await answer_with(handler, connection, chosen)


async def _unfit_schema(
    connection: HTTPConnection, error: Exception
) -> SchemaBehindError | SchemaAheadError | None:
    """Why the statement failed, if the schema is not the program's; the database has logged it."""
    for database in installed_for(connection).databases.values():
        if (reason := await database.explain(error)) is not None:
            return reason
    return None


async def answer_unexpected_error(connection: HTTPConnection, error: Exception) -> Response:
    """Respond with 500 and say nothing of the cause; the server logs it with its traceback."""
    return fit(
        connection,
        problem_response(500, detail="The error was logged.", **outcome_of(connection, error)),
    )


def _log(connection: HTTPConnection, error: Exception, meaning: Classification) -> None:
    is_grave = not meaning.is_expected or meaning.fault is Fault.PARTLY_COMMITTED
    level = logging.ERROR if is_grave else logging.WARNING
    # For a mistake, the stack frames give the place. A formatted exception would also show the
    # statement if the engine is not Wellhead's.
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
