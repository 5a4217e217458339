"""Entity tags: which state of an object a client has seen (RFC 9110, section 13).

The services only know revisions (`todo.revisions`); here they become `ETag`, `If-Match` and
`If-None-Match`. The tags are strong: a revision changes with everything that a client can see.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Protocol

from fastapi import Header, HTTPException, Request, Response
from pydantic import Field

from todo.given import Given
from todo.revisions import Revisions

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_LIST = re.compile(rf"[\s,]*{_TAG}(?:\s*,[\s,]*{_TAG})*[\s,]*")
_PATTERN = r'^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$'
_Conditions = Annotated[str, Field(json_schema_extra={"pattern": _PATTERN})]

ETAG_HEADER: dict[str, Any] = {
    "ETag": {
        "description": "Identifies this state of the object; send it back as `If-Match`.",
        "schema": {"type": "string", "examples": ['"3.2.5"']},
    }
}
"""The OpenAPI description of a response's `ETag`."""

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client already has this state.", "headers": ETAG_HEADER}
}
"""The OpenAPI description of the response if `If-None-Match` matches."""


def etag(revision: str) -> str:
    """The value of the `ETag` header for a revision."""
    return f'"{revision}"'


class Shown(Protocol):
    """An object as clients see it."""

    document: str
    revision: str


def tagged(shown: Shown) -> Response:
    """An object as a response, with its `ETag`."""
    return Response(
        shown.document, headers={"ETag": etag(shown.revision)}, media_type="application/json"
    )


def not_modified(revision: str) -> Response:
    """The response to a client that already has this state."""
    return Response(status_code=304, headers={"ETag": etag(revision)})


def parse_entity_tags(lines: Sequence[str], *, header: str, weak: bool) -> Revisions | None:
    """The revisions in the lines of an `If-Match` or `If-None-Match` header.

    Args:
        lines: The header's values, one per line; empty means no condition.
        header: Its name, for the message.
        weak: Whether a weak tag counts as its revision (`If-None-Match`) or as nothing.

    Raises:
        HTTPException: 400, the value is neither `*` nor a list of quoted tags.
    """
    if not lines:
        return None
    value = ", ".join(lines).strip()
    if value == "*":
        return Revisions(accepted=None)
    if not _LIST.fullmatch(value):
        message = f'{header} must be * or a list of quoted tags, such as "9f1c0f3a5f0e4b1c".'
        raise HTTPException(status_code=400, detail=message)
    members = (member for member in re.findall(_TAG, value) if weak or not member.startswith("W/"))
    return Revisions(accepted=frozenset(member.removeprefix("W/")[1:-1] for member in members))


IfMatch = Annotated[
    Given[_Conditions],
    Header(description="Change the object only while its `ETag` is one of these; else 412."),
]
"""The parameter `if_match`, which `expected_by` parses; None if the client set no condition."""

IfNoneMatch = Annotated[
    Given[_Conditions],
    Header(description="Respond with 304 without a body while the `ETag` is one of these."),
]
"""The parameter `if_none_match`, which `known_by` parses; None if it set no condition."""

# Not dependencies: FastAPI takes longer for each of them than for the parameter itself.


def expected_by(request: Request, if_match: str | None) -> Revisions | None:
    """The revisions that the client allows to be changed; None if it set no condition.

    Raises:
        HTTPException: 400, the header is neither `*` nor a list of quoted tags.
    """
    if if_match is None:
        return None
    return parse_entity_tags(request.headers.getlist("if-match"), header="If-Match", weak=False)


def known_by(request: Request, if_none_match: str | None) -> Revisions | None:
    """The revisions that the client already has; None if it set no condition.

    Raises:
        HTTPException: 400, the header is neither `*` nor a list of quoted tags.
    """
    if if_none_match is None:
        return None
    lines = request.headers.getlist("if-none-match")
    return parse_entity_tags(lines, header="If-None-Match", weak=True)
