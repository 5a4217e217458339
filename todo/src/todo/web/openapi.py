"""`/openapi.json`, completed for the programs that read it: linters and generators of clients."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi import FastAPI

from todo.web.error_types import Json, Operation, Problems, problems_of
from wellhead.fastapi import PROBLEM_JSON

SERVERS: Sequence[Json] = ({"url": "."},)
"""Relative to the document: it also holds below a proxy's prefix, without being told of it."""

LICENSE: Mapping[str, str] = {"name": "MIT", "identifier": "MIT"}

TAGS: Sequence[Json] = (
    {"name": "Tasks", "description": "Your tasks: below `/api/me/tasks`, or below your own id."},
    {"name": "Authentication", "description": "Accounts, logins and their tokens."},
    {"name": "Tags", "description": "Your tags, and which of them are on a task."},
    {"name": "Changes", "description": "What has changed since you read last."},
    {"name": "Transfer", "description": "All that you have as one document, and back."},
    {"name": "Health", "description": "Probes for orchestrators, and the pool's figures."},
    {"name": "Root", "description": "The way to the documentation."},
)
"""In the order in which documentation shows them."""

_SCHEMAS = "#/components/schemas/"
_ALWAYS = ("type", "title", "status")


def complete_document(app: FastAPI) -> None:
    """Complete the application's document when it is built, which is once.

    Each response with a problem gets a schema that lists its types, and an example; routes without
    a login say so; and what generators cannot use is left out.
    """
    build = app.openapi

    def completed() -> Json:
        is_built = app.openapi_schema is not None
        document = build()
        if not is_built:
            _complete(document)
        return document

    app.openapi = completed  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _complete(document: Json) -> None:
    components = document["components"]
    _simplify(document)
    found: dict[str, Problems] = {}
    for operation in _operations(document):
        operation.definition.setdefault("security", [])
        for problems in _describe_problems(operation):
            found[problems.name] = problems
    components["schemas"] |= _schemas(components["schemas"]["Problem"], found)
    components["examples"] = {name: {"value": each.example} for name, each in found.items()}


def _operations(document: Json) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        for definition in item.values():
            yield Operation(path, definition)


def _describe_problems(operation: Operation) -> Iterator[Problems]:
    responses = operation.definition["responses"]
    for status, response in responses.items():
        if PROBLEM_JSON in response.get("content", {}):
            problems = problems_of(operation, int(status))
            described = {
                "schema": {"$ref": _SCHEMAS + problems.name},
                "examples": {"one": {"$ref": f"#/components/examples/{problems.name}"}},
            }
            # Operations may share what it was.
            responses[status] = {**response, "content": {PROBLEM_JSON: described}}
            yield problems


def _schemas(problem: Json, found: Mapping[str, Problems]) -> Json:
    types = sorted({each for problems in found.values() for each in problems.types})
    # That others may be there, too, needs no saying, and would hide mistakes from type checkers.
    open_problem = {
        name: value for name, value in problem.items() if name != "additionalProperties"
    }
    properties = {**problem["properties"], "type": {"$ref": f"{_SCHEMAS}ProblemType"}}
    return {
        "Problem": {**open_problem, "properties": properties, "required": list(_ALWAYS)},
        "ProblemType": {
            "type": "string",
            "enum": types,
            "description": "The kind of problem, for programs. More may come: treat one that you "
            "do not know by its status.",
        },
        **{name: _schema(problems) for name, problems in found.items()},
    }


def _schema(problems: Problems) -> Json:
    only = {
        "type": {"type": "string", "enum": list(problems.types)},
        "status": {"type": "integer", "const": problems.status},
    }
    return {
        "allOf": [
            {"$ref": f"{_SCHEMAS}Problem"},
            {"type": "object", "properties": only, "required": list(only)},
        ]
    }


def _simplify(part: Any) -> None:
    """Drop the titles that pydantic makes of names, and characters that end a line in JavaScript.

    Generators write a pattern as a literal, some of them with the characters that it names. The
    server refuses them in any case.
    """
    if isinstance(part, dict):
        if isinstance(part.get("title"), str) and {"type", "anyOf", "$ref"} & set(part):
            del part["title"]
        if isinstance(part.get("pattern"), str):
            part["pattern"] = part["pattern"].replace(r"\u2028\u2029", "")
        for name, each in part.items():
            if name not in {"default", "example", "examples"}:
                _simplify(each)
    elif isinstance(part, list):
        for each in part:
            _simplify(each)
