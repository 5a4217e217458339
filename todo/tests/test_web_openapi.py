"""The document, as generators of clients and linters need it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from documented import document
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from todo.web.openapi import TAGS

Json = dict[str, Any]

OPTIONAL = {("Problem", "detail"), ("Problem", "errors")}
"""The members that are left out of a response if there is nothing to say."""

RESERVED = re.compile(
    "arguments|await|break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|eval"
    "|export|extends|false|finally|for|function|if|implements|import|in|instanceof|interface|let|new"
    "|null|package|private|protected|public|return|static|super|switch|this|throw|true|try|typeof"
    "|var|void|while|with|yield"
)
"""Words that cannot be the name of a function in JavaScript."""

MOST_BYTES = 4_000
"""Of an operation, with its share of the schemas."""


PUBLIC = ("/api/auth/login", "/api/auth/refresh")
"""The paths that get 401 without a login: for what they are sent instead of one."""


def operations() -> list[tuple[str, Json]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, item in document()["paths"].items()
        for method, operation in item.items()
    ]


def parts(part: Any) -> Iterator[Json]:
    """Every object in a part of the document."""
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from parts(each)


def schemas_of(part: Any) -> set[str]:
    """The names of the schemas that a part refers to, also by others."""
    found: set[str] = set()
    left = [part]
    while left:
        for each in parts(left.pop()):
            reference = each.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/components/schemas/"):
                name = reference.rsplit("/", 1)[1]
                if name not in found:
                    found.add(name)
                    left.append(document()["components"]["schemas"][name])
    return found


def test_every_tag_is_described_and_tasks_and_accounts_come_first() -> None:
    names = [tag["name"] for tag in document()["tags"]]

    assert names == [tag["name"] for tag in TAGS]
    assert names[:2] == ["Tasks", "Authentication"]
    assert all(tag["description"] for tag in TAGS)
    assert {tag for _, operation in operations() for tag in operation["tags"]} == set(names)


def test_every_operation_says_whether_it_needs_a_login() -> None:
    for name, operation in operations():
        is_open = "security" in operation and operation["security"] == []

        assert is_open == ("401" not in operation["responses"] or name.endswith(PUBLIC)), name


def test_the_server_is_wherever_the_document_is() -> None:
    assert document()["servers"] == [{"url": "."}]


async def test_a_proxy_s_prefix_is_the_first_server(app: FastAPI) -> None:
    app.root_path = "/prefix"
    async with AsyncClient(transport=ASGITransport(app), base_url="http://todo.test") as client:
        shown = (await client.get("/prefix/openapi.json")).json()

    assert shown["servers"][0] == {"url": "/prefix"}


def test_every_pattern_is_one_of_javascript_too() -> None:
    patterns = {part["pattern"] for part in parts(document()) if "pattern" in part}

    assert {pattern: fault for pattern in patterns if (fault := fault_in(pattern))} == {}
    assert len(patterns) > 5


@pytest.mark.parametrize(
    "pattern",
    [r"a\Z", r"\Aa", "(?i)a", "(?P<name>a)", r"a\-b", r"[[:alpha:]]", "a*+", "(?>a)", "a{,3}", "a{",
     "a]", r"\d", r"\w", r"\p{L}", r"\U0001f600", r"\x1", "(?#comment)", r"[\u2028]", r"\_"],
)  # fmt: skip
def test_a_pattern_that_javascript_cannot_parse_is_found(pattern: str) -> None:
    assert fault_in(pattern)


@pytest.mark.parametrize("pattern", [r"^[\x00-\x1f\u2027]*$", "^(a|b){1,3}$", r"a\.b\/c", "[a-]"])
def test_a_pattern_of_both_languages_is_right(pattern: str) -> None:
    assert fault_in(pattern) is None


_TOKEN = re.compile(
    r"\\(?:[\^$\\.*+?()\[\]{}|/sSnrtvf]|x[0-9a-fA-F]{2}|u(?!202[89])[0-9a-fA-F]{4})"
    r"|\((?:\?(?:[:=!]|<[=!]))?|\[\^?|\{\d+(?:,\d*)?\}\??|[*+?]\??|[^\\\[\](){}*+?]|\)"
)
_MEMBER = re.compile(
    r"\\(?:[\^$\\.*+?()\[\]{}|/\-sSnrtvf]|x[0-9a-fA-F]{2}|u(?!202[89])[0-9a-fA-F]{4})|[^\\\[]"
)
_REPEATS = re.compile(r"(?:[*+?]|\{\d+(?:,\d*)?\})\??")


def fault_in(pattern: str) -> str | None:
    r"""The rest of a pattern from where JavaScript, with its flag `u`, cannot read it as we do.

    What means something else there, such as `\d` and `\w`, is also a fault, and so is the end of a
    line, which generators write into a literal.
    """
    place, in_class, repeated = 0, False, True
    while place < len(pattern):
        found = (_MEMBER if in_class else _TOKEN).match(pattern, place)
        is_repeat = bool(found and not in_class and _REPEATS.fullmatch(found[0]))
        if found is None or (is_repeat and repeated):
            return pattern[place:]
        if in_class and found[0] == "]":
            in_class = False
        elif found[0] in {"[", "[^"}:
            in_class = True
        repeated = is_repeat or found[0] in {"(", "|"} or found[0].startswith("(?")
        place = found.end()
    return pattern if in_class else None


def test_every_member_of_a_response_is_required_unless_it_can_be_absent() -> None:
    answered = schemas_of([operation["responses"] for _, operation in operations()])
    for name in answered:
        schema = document()["components"]["schemas"][name]
        absent = set(schema.get("properties", ())) - set(schema.get("required", ()))

        assert {(name, member) for member in absent} <= OPTIONAL


def test_no_schema_has_two_names() -> None:
    names = list(document()["components"]["schemas"])

    assert [name for name in names if not re.fullmatch("[A-Z][A-Za-z]*", name)] == []
    assert len({name.lower() for name in names}) == len(names)
    assert set(names) == schemas_of(document()["paths"])


def test_every_operation_has_a_name_that_can_be_a_function() -> None:
    for name, operation in operations():
        assert re.fullmatch("[a-z]+(_[a-z]+)*", operation["operationId"]), name
        assert not RESERVED.fullmatch(operation["operationId"]), name


def test_what_may_be_null_says_so_as_a_type_and_no_default_is_null() -> None:
    for part in parts(document()):
        assert "nullable" not in part
        assert part.get("default", "") is not None, part
        assert isinstance(part.get("type", ""), str | dict), part


def test_every_operation_has_a_summary_and_a_description() -> None:
    for name, operation in operations():
        assert operation["summary"], name
        assert operation["description"], name


def test_the_document_is_built_once(app: FastAPI) -> None:
    first = app.openapi()
    written = json.dumps(first)

    assert app.openapi() is first
    assert json.dumps(app.openapi()) == written


def test_the_document_is_no_longer_than_it_must_be() -> None:
    written = json.dumps(document(), separators=(",", ":"))

    assert len(written) < MOST_BYTES * len(operations())
