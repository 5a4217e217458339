"""Parameters that may be left out, as the documentation tells them."""

from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, Field

from todo.given import Given


class Query(BaseModel):
    number: Annotated[Given[Annotated[int, Field(ge=1)]], Field(description="A number.")] = None


def test_what_is_left_out_is_none_and_what_is_given_is_checked() -> None:
    assert Query().number is None
    assert Query(number=5).number == 5


def test_the_documentation_never_offers_null() -> None:
    documented = Query.model_json_schema()["properties"]["number"]

    assert documented == {
        "type": "integer",
        "minimum": 1,
        "description": "A number.",
        "default": None,
        "title": "Number",
    }


def test_no_parameter_of_tasks_and_tags_is_nullable(app: FastAPI) -> None:
    parameters = [
        parameter
        for path, item in app.openapi()["paths"].items()
        if path.startswith("/api/{user_id}")
        for operation in item.values()
        for parameter in operation["parameters"]
    ]

    assert {"q", "cursor", "if-match", "if-none-match"} <= {given["name"] for given in parameters}
    assert [given["name"] for given in parameters if "null" in str(given["schema"])] == []
    assert [given["name"] for given in parameters if not given.get("description")] == []
