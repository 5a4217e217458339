"""The form in which Wellhead's own errors reach the client: the one the application chose."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse

from wellhead.fastapi.installed import Form, installed_for
from wellhead.fastapi.problems import phrase_of, problem_response, problem_responses


def failure_response(
    connection: HTTPConnection,
    status: int,
    *,
    title: str,
    type: str,  # noqa: A002 - RFC 9457's name
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> Response:
    """A response that says what went wrong.

    FastAPI's form has the title as its ``detail``, and all other members as in a problem.
    """
    if installed_for(connection).errors != "detail":
        return problem_response(status, title=title, type=type, headers=headers, **members)
    body = {"detail": title, "type": type, **members}
    return JSONResponse(body, status_code=status, headers=dict(headers) if headers else None)


def failure_responses(form: Form, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for the OpenAPI document."""
    if form != "detail":
        return problem_responses(*statuses)
    return {status: {"description": phrase_of(status)} for status in statuses}
