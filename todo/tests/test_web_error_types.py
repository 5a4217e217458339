"""The types of problems: each is raised, each that is raised is listed, where it can happen."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from documented import compare, document, types_by_operation
from jsonschema_rs import Draft202012Validator

import todo
from todo import errors
from todo.main import STATUSES
from todo.web.error_types import EXAMPLES, KINDS, Operation, problems_of
from wellhead import Fault, PoolTimeout, RequestTimeoutError, classify
from wellhead.fastapi import PROBLEM_JSON

SOURCES = Path(todo.__file__).parent

LISTED = {(code, kind.status) for kind in KINDS for code in kind.codes}


def raised_codes() -> Iterator[tuple[str, int]]:
    """Each code in the sources with the status of its error."""
    for source in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                status = STATUSES.get(getattr(errors, node.func.id, None))  # type: ignore[arg-type]
                for keyword in node.keywords if status else ():
                    if keyword.arg == "code":
                        place = f"{source.name}:{node.lineno}: code must be a literal"
                        assert isinstance(keyword.value, ast.Constant), place
                        assert status is not None
                        yield str(keyword.value.value), status


def test_every_code_that_is_raised_is_listed_with_its_status_and_no_other() -> None:
    raised = set(raised_codes())

    assert raised - LISTED == set(), "name them in todo.web.error_types.KINDS"
    assert LISTED - raised == set(), "nothing raises them"


def test_no_two_kinds_of_a_status_share_a_name() -> None:
    for status in {kind.status for kind in KINDS}:
        names = [kind.name for kind in KINDS if kind.status == status]

        assert len(set(names)) == len(names)
        assert "" not in names or names == [""]


def test_every_kind_happens_somewhere() -> None:
    operations = [
        Operation(path, definition)
        for path, item in document()["paths"].items()
        for definition in item.values()
    ]
    for kind in KINDS:
        there = [each for each in operations if kind.where(each)]

        assert any(str(kind.status) in each.definition["responses"] for each in there), kind


def test_every_status_of_a_problem_lists_its_types() -> None:
    for operation, by_status in types_by_operation().items():
        assert all(by_status.values()), (operation, by_status)


def test_a_type_is_listed_only_where_it_can_happen() -> None:
    types = types_by_operation()

    assert "urn:todo:tag-not-found" in types["GET", "/api/{user_id}/tags/{tag_id}"][404]
    assert "urn:todo:tag-not-found" not in types["GET", "/api/{user_id}/tasks/{task_id}"][404]
    assert "urn:todo:token-missing" not in types["POST", "/api/auth/login"][401]
    assert "urn:wellhead:draining" in types["GET", "/health/ready"][503]
    assert "urn:wellhead:request_timeout" in types["POST", "/api/auth/login"][504]


def test_a_problem_that_is_not_listed_fails_the_test_that_meets_it() -> None:
    class Route:
        path = "/api/auth/login"

    scope = {"method": "POST", "route": Route}
    compare(scope, 401, "urn:todo:login-failed")

    with pytest.raises(AssertionError, match=r"name it in todo\.web\.error_types"):
        compare(scope, 401, "urn:todo:another")


def test_every_example_is_as_its_schema_says() -> None:
    components = document()["components"]
    for item in document()["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                if (media := response.get("content", {}).get(PROBLEM_JSON)) is None:
                    continue
                (example,) = media["examples"].values()
                value = components["examples"][example["$ref"].rsplit("/", 1)[1]]["value"]
                Draft202012Validator({"components": components, **media["schema"]}).validate(value)
                assert value["status"] == int(status)


def test_the_examples_of_wellhead_s_problems_are_in_its_words() -> None:
    for status, error in ((503, PoolTimeout("")), (504, RequestTimeoutError(""))):
        meaning = classify(error)

        assert EXAMPLES[status]["type"] == f"urn:wellhead:{meaning.fault}"
        assert EXAMPLES[status]["title"] == meaning.title


def test_every_failure_of_the_database_is_listed_with_its_status() -> None:
    by_status = types_by_operation()["POST", "/api/{user_id}/tags"]

    for fault in Fault:
        if fault.http_status != 500:
            assert f"urn:wellhead:{fault}" in by_status[fault.http_status]


def test_a_status_of_which_nothing_is_known_is_described_all_the_same() -> None:
    problems = problems_of(Operation("/api/auth/me", {"operationId": "read_account"}), 409)

    assert problems.name == "Conflict"
    assert problems.example == {"type": "urn:wellhead:unique", "title": "Conflict", "status": 409}
    strange = problems_of(Operation("/api/auth/me", {"operationId": "read_account"}), 423)
    assert (strange.name, strange.types) == ("Problem423", ["about:blank"])
