"""The body of an error, and how the OpenAPI document tells of it."""

import json
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from wellhead import Database, DatabaseSettings
from wellhead.fastapi import (
    PROBLEM_JSON,
    ValidationFault,
    install,
    problem_response,
    problem_responses,
)


def members(response: JSONResponse) -> dict[str, object]:
    body: dict[str, object] = json.loads(bytes(response.body))
    return body


def test_a_problem_needs_nothing_but_its_status() -> None:
    response = problem_response(404)

    assert response.status_code == 404
    assert response.headers["content-type"] == PROBLEM_JSON
    assert members(response) == {"type": "about:blank", "title": "Not Found", "status": 404}


def test_a_problem_says_what_it_is_given() -> None:
    response = problem_response(
        503,
        title="Closed.",
        detail="It opens at nine.",
        type="urn:example:closed",
        headers={"Retry-After": "60"},
    )

    assert response.headers["retry-after"] == "60"
    assert members(response) == {
        "type": "urn:example:closed",
        "title": "Closed.",
        "status": 503,
        "detail": "It opens at nine.",
    }


def test_a_problem_takes_further_members_of_any_kind_that_json_can_hold() -> None:
    opens = datetime(2030, 1, 1, 9, tzinfo=UTC)

    body = members(problem_response(503, opens=opens, queue=[1, 2], instance="/doors/7"))

    assert body["opens"] == "2030-01-01T09:00:00Z"
    assert body["queue"] == [1, 2]
    assert body["instance"] == "/doors/7"


def test_a_problem_lists_what_is_wrong_by_field() -> None:
    fault = ValidationFault(field="body.title", message="Too long.", code="string_too_long")

    assert members(problem_response(422, errors=[fault]))["errors"] == [
        {"field": "body.title", "message": "Too long.", "code": "string_too_long"}
    ]


@pytest.mark.parametrize("text", ["half \ud800 a pair", "\udfff"])
def test_text_that_is_no_unicode_does_not_break_the_answer(text: str) -> None:
    body = members(problem_response(400, detail=text, more={"text": text}))

    assert body["detail"] == text.encode(errors="replace").decode()


def test_a_number_that_json_cannot_hold_is_null() -> None:
    assert members(problem_response(400, measured=float("nan")))["measured"] is None


def test_a_status_without_a_phrase_is_an_error() -> None:
    assert members(problem_response(499))["title"] == "Error"


def test_the_openapi_document_tells_of_problems() -> None:
    app = FastAPI()
    install(app, Database(DatabaseSettings(url="postgresql://u:p@localhost/db")))

    @app.get("/", responses=problem_responses(404, 503))
    async def nothing() -> None: ...

    document = app.openapi()
    responses = document["paths"]["/"]["get"]["responses"]

    assert responses["404"]["description"] == "Not Found"
    assert responses["404"]["content"] == {
        PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    assert responses["503"]["description"] == "Service Unavailable"
    problem = document["components"]["schemas"]["Problem"]
    assert problem["required"] == ["type", "title", "status"]
    assert problem["properties"]["detail"]["type"] == "string"
    assert problem["additionalProperties"] is True
    assert "ValidationFault" in document["components"]["schemas"]
