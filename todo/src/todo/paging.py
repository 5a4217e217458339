"""Keyset pagination: a cursor names the last row of a page, not how many rows came before it.

Rows that are inserted or deleted in the meantime neither repeat nor skip others, and a late page
costs as much as the first. A cursor is base64url of a JSON array and its checksum. The checksum
also covers the list's filters and order, so that a cursor that was cut, changed or taken from
another list is detected. It is not a secret: a forged cursor only moves within the user's own rows,
and each value is validated like any other input.
"""

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request, Response
from pydantic import Field, TypeAdapter
from pydantic_core import PydanticCustomError

from todo.documents import page
from todo.given import Given

_CHECKSUM_SIZE = 9

LONGEST_CURSOR = 4096
CURSOR_PATTERN = "^[A-Za-z0-9_-]+$"

Cursor = Annotated[
    Given[Annotated[str, Field(max_length=LONGEST_CURSOR, pattern=CURSOR_PATTERN)]],
    Field(
        description="Where to continue: the `next_cursor` of the page before; filters and order "
        "must stay the same."
    ),
]
"""A cursor as it appears in a query; `decode_cursor` checks it."""

NextCursor = Annotated[
    str | None, Field(description="Send it as `cursor` to continue; null on the last page.")
]
"""The cursor of the next page, as it appears in a response."""

LINK_HEADER: dict[str, Any] = {
    "Link": {
        "description": "The next page, relative to this one; absent on the last.",
        "schema": {"type": "string", "examples": ['<?limit=20&cursor=uHo2xQ>; rel="next"']},
    }
}
"""The OpenAPI description of a page's `Link`."""

LOCATION_HEADER: dict[str, Any] = {
    "Location": {"description": "The URL of the new object.", "schema": {"type": "string"}}
}
"""The OpenAPI description of a new object's `Location`."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in an ordered list: the sort value and the id of a row."""

    value: Any
    id: UUID


def page_response(request: Request, items: Iterable[str], next_cursor: str | None) -> Response:
    """A page of documents, with a `Link` to the next one, if there is one.

    The link is relative to the request (`<?limit=...>`): it works behind every proxy.
    """
    response = Response(page(items, next_cursor), media_type="application/json")
    if next_cursor is not None:
        query = request.url.include_query_params(cursor=next_cursor).query
        response.headers["Link"] = f'<?{query}>; rel="next"'
    return response


def encode_cursor(position: Position, *, scope: str, kind: TypeAdapter[Any]) -> str:
    """The cursor of a position in a list.

    Args:
        position: Where the page ended.
        scope: The list's filters and order, as text.
        kind: The type of the sort value.
    """
    value = kind.dump_python(position.value, mode="json")
    payload = json.dumps([value, position.id.hex], separators=(",", ":")).encode()
    return b64encode(_checksum(payload, scope) + payload, b"-_").decode().rstrip("=")


def decode_cursor(cursor: str, *, scope: str, kind: TypeAdapter[Any]) -> Position:
    """The position of a cursor in the list that `scope` describes.

    Raises:
        PydanticCustomError: The cursor is malformed, or belongs to another list.
    """
    try:
        value, row = json.loads(_unpack(cursor, scope))
        return Position(kind.validate_python(value), UUID(hex=row))
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise PydanticCustomError(
            "cursor",
            "Not a cursor of this list: it was changed, or created with other filters or another "
            "order; start again without it",
        ) from None


def _unpack(cursor: str, scope: str) -> bytes:
    raw = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    payload = raw[_CHECKSUM_SIZE:]
    if raw[:_CHECKSUM_SIZE] != _checksum(payload, scope):
        raise ValueError("checksum")
    return payload


def _checksum(payload: bytes, scope: str) -> bytes:
    digest = hashlib.blake2b(payload, key=b"cursor-1", digest_size=_CHECKSUM_SIZE)
    digest.update(scope.encode())
    return digest.digest()
