"""Requests that are refused, as problem documents."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

_MEDIA_TYPE = "application/problem+json"
_TITLES = {401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}


class Refusal(Exception):  # noqa: N818 - a word of its own
    """A request that is refused.

    Args:
        status: Of the response.
        code: For programs.
        detail: For people.
        headers: More of the response.
    """

    def __init__(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.headers = headers
        self.problem = {
            "type": f"urn:todo:{code}",
            "title": _TITLES[status],
            "status": status,
            "detail": detail,
        }


async def answer_refusal(request: Request, refusal: Exception) -> Response:
    """Why it is refused."""
    del request
    assert isinstance(refusal, Refusal)  # noqa: S101 - what it is registered for
    return JSONResponse(refusal.problem, refusal.status, refusal.headers, _MEDIA_TYPE)


async def answer_invalid(request: Request, error: Exception) -> Response:
    """What is not valid, by field."""
    del request
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    faults = [
        {
            "field": ".".join(map(str, fault["loc"][: _places_of(fault)])),
            "message": fault["msg"],
            "code": fault["type"],
        }
        for fault in error.errors()
    ]
    problem = {
        "type": "about:blank",
        "title": "The request is invalid.",
        "status": 422,
        "detail": f"Check {', '.join(dict.fromkeys(each['field'] for each in faults))}.",
        "errors": faults,
    }
    return JSONResponse(problem, 422, media_type=_MEDIA_TYPE)


def _places_of(fault: Mapping[str, Any]) -> int | None:
    # Where in the text the parser gave up is no name of a field.
    return 1 if fault["type"] == "json_invalid" else None
