"""Problem details, the body of every error: https://www.rfc-editor.org/rfc/rfc9457."""

import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

PROBLEM_JSON = "application/problem+json"
"""The media type of every problem, as RFC 9457 names it."""

_REFERENCE = "#/components/schemas/{model}"
_FASTAPIS = ("HTTPValidationError", "ValidationError")


class ValidationFault(BaseModel):
    """An invalid value in a request."""

    field: str = Field(description="Where it is, such as `body.title` or `query.limit`.")
    message: str = Field(description="What is wrong with it.")
    code: str = Field(description="The same, for programs.")


def _as_sent(schema: dict[str, Any]) -> None:
    """Describe what :func:`problem_response` sends, which leaves out members that are None."""
    for name, member in schema["properties"].items():
        member.pop("default", None)
        if "anyOf" in member:
            (only,) = (each for each in member.pop("anyOf") if each != {"type": "null"})
            schema["properties"][name] = {**only, **member}
    schema["required"] = ["type", "title", "status"]


class Problem(BaseModel):
    """What went wrong, as RFC 9457 describes it."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_as_sent)

    type: str = Field("about:blank", description="The kind of problem, for programs.")
    title: str = Field(description="The kind of problem, for people; always the same.")
    status: int = Field(description="The HTTP status.")
    detail: str | None = Field(None, description="What happened in this case.")
    errors: list[ValidationFault] | None = Field(None, description="What is wrong, by field.")


class ProblemResponse(JSONResponse):
    """A response with a problem as its body."""

    media_type = PROBLEM_JSON

    def render(self, content: Any) -> bytes:
        """Write JSON; a lone surrogate, which UTF-8 cannot encode, becomes a question mark."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def problem_response(
    status: int,
    *,
    title: str | None = None,
    detail: str | None = None,
    type: str = "about:blank",  # noqa: A002 - RFC 9457's name
    errors: Sequence[ValidationFault] | None = None,
    headers: Mapping[str, str] | None = None,
    **extensions: Any,
) -> JSONResponse:
    """Respond with a problem.

    Args:
        status: The HTTP status.
        title: For people; by default the status phrase.
        detail: What happened in this case.
        type: A URI reference that identifies the kind of problem.
        errors: What is wrong, by field.
        headers: More headers, such as ``Retry-After``.
        extensions: More members of the body; any JSON values.
    """
    problem = Problem(
        type=type,
        title=title if title is not None else phrase_of(status),
        status=status,
        detail=detail,
        errors=list(errors) if errors is not None else None,
        **extensions,
    )
    return ProblemResponse(
        problem.model_dump(mode="json", exclude_none=True),
        status_code=status,
        headers=dict(headers) if headers is not None else None,
    )


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare in the OpenAPI document that these statuses come with a problem.

    For ``responses=`` of a route, a router or the application; :func:`wellhead.fastapi.install`
    adds the schema of a problem to the document.
    """
    schema = {"$ref": _REFERENCE.format(model=Problem.__name__)}
    return {
        status: {
            "description": phrase_of(status),
            "content": {PROBLEM_JSON: {"schema": schema}},
        }
        for status in statuses
    }


def describe_problems(
    app: FastAPI,
    *,
    refusal: Callable[..., Any] | None = None,
    before: Callable[[], None] | None = None,
) -> None:
    """Make the OpenAPI document of an application describe its error responses.

    It gets the schema of a problem, and a problem as the response to an invalid request, unless the
    application has its own handler for that. FastAPI adds the schema of a ``model`` by itself, but
    then also declares problems as ``application/json``, which they never are.

    Args:
        app: The application.
        refusal: The handler that responds to an invalid request with a problem; None if errors
            have another form, and then the schema is there only if something refers to it.
        before: Called before the document is built.
    """
    describe = app.openapi

    def with_problems() -> dict[str, Any]:
        if before is not None:
            before()
        document = describe()
        schemas = document.get("components", {}).get("schemas", {})
        if Problem.__name__ in schemas or not (refusal or _refers_to(Problem.__name__, document)):
            return document
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schema = Problem.model_json_schema(ref_template=_REFERENCE)
        schemas.update(schema.pop("$defs"))
        schemas[Problem.__name__] = schema
        if refusal and app.exception_handlers.get(RequestValidationError) is refusal:
            _describe_refusals(document)
        return document

    app.openapi = with_problems  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _refers_to(model: str, document: Mapping[str, Any]) -> bool:
    return f'"{_REFERENCE.format(model=model)}"' in json.dumps(document)


def _describe_refusals(document: dict[str, Any]) -> None:
    """Replace FastAPI's own form of the response to an invalid request."""
    usual = {"schema": {"$ref": _REFERENCE.format(model=_FASTAPIS[0])}}
    for path in document["paths"].values():
        for operation in path.values():
            responses = operation.get("responses", {}) if isinstance(operation, dict) else {}
            if responses.get("422", {}).get("content") == {"application/json": usual}:
                responses.update({str(key): value for key, value in problem_responses(422).items()})
    for model in _FASTAPIS:
        if not _refers_to(model, document):
            document["components"]["schemas"].pop(model, None)


def phrase_of(status: int) -> str:
    """The phrase of a status, such as ``Not Found``; a general term for one without."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
