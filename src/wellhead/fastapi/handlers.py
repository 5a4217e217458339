"""Every error of an application as a problem, and the routes about the database."""

import logging
import traceback

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from wellhead.database import Database
from wellhead.errors import WellheadError, classify
from wellhead.fastapi.problems import ValidationFault, problem_response
from wellhead.fastapi.routers import router

logger = logging.getLogger("wellhead.fastapi")


def install(app: FastAPI, database: Database) -> None:
    """Give the application its database, its error handlers and the routes about the database.

    The routes are ``/health``, ``/health/db`` and ``/db/pool-status``. A handler that the
    application adds for a more specific exception wins over these.
    """
    app.state.database = database
    app.add_exception_handler(HTTPException, answer_http_exception)
    app.add_exception_handler(RequestValidationError, answer_validation_error)
    app.add_exception_handler(SQLAlchemyError, answer_database_error)
    app.add_exception_handler(WellheadError, answer_database_error)
    app.add_exception_handler(Exception, answer_unexpected_error)
    app.include_router(router)


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """Answer what a route or the router itself refused."""
    del request
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    return problem_response(
        error.status_code,
        detail=error.detail,
        headers=error.headers,
    )


async def answer_validation_error(request: Request, error: Exception) -> Response:
    """Answer 422 and name each field; the values themselves are not repeated."""
    del request
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    faults = [
        ValidationFault(
            field=".".join(str(part) for part in item["loc"]),
            message=item["msg"],
            code=item["type"],
        )
        for item in error.errors()
    ]
    named = ", ".join(dict.fromkeys(fault.field for fault in faults))
    return problem_response(
        422, title="The request is not valid.", detail=f"Look at: {named}.", errors=faults
    )


async def answer_database_error(request: Request, error: Exception) -> Response:
    """Answer a failure of the database by what it means; see :func:`wellhead.classify`."""
    meaning = classify(error)
    _log(request, error, level=logging.WARNING if meaning.is_expected else logging.ERROR)
    after = meaning.retry_after
    return problem_response(
        meaning.http_status,
        title=meaning.title,
        type=f"urn:wellhead:{meaning.fault}",
        headers={"Retry-After": str(after)} if after is not None else None,
    )


async def answer_unexpected_error(request: Request, error: Exception) -> Response:
    """Answer 500 and say nothing of the cause; the server logs it with its traceback."""
    del request, error
    return problem_response(500, detail="The error was logged.")


def _log(request: Request, error: Exception, *, level: int) -> None:
    meaning = classify(error)
    # SQLAlchemy's own text holds the statement, and the server's may hold values; the frames
    # say where it happened, and the code says what.
    own_text = f": {error.args[0]}" if isinstance(error, WellheadError) else ""
    frames = "".join(traceback.format_tb(error.__traceback__)) if level == logging.ERROR else ""
    logger.log(
        level,
        "%s %s failed: %s (%s, SQLSTATE %s)%s%s",
        request.method,
        request.url.path,
        meaning.fault,
        type(error).__name__,
        meaning.sqlstate or "none",
        own_text,
        f"\n{frames}" if frames else "",
        extra={
            "event": "database_error",
            "fault": str(meaning.fault),
            "sqlstate": meaning.sqlstate,
            "status": meaning.http_status,
            "path": request.url.path,
        },
    )
