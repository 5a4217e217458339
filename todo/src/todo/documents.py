"""JSON from rows: each response is written once, as text, and not by way of other objects.

The pydantic models of the `schemas` describe these documents, and the tests hold them to it.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

quoted = json.JSONEncoder(ensure_ascii=False).encode
"""A text as JSON."""


def moment(value: datetime) -> str:
    """A time as JSON, in UTC whatever zone the database speaks of."""
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return f'"{value.isoformat()[:-6]}Z"'


def text_or_null(value: str | None) -> str:
    """A text that may be missing, as JSON."""
    return "null" if value is None else quoted(value)


def moment_or_null(value: datetime | None) -> str:
    """A time that may be missing, as JSON."""
    return "null" if value is None else moment(value)


def page(items: Iterable[str], next_cursor: str | None) -> str:
    """A page of a list, of documents."""
    return f'{{"items":[{",".join(items)}],"next_cursor":{text_or_null(next_cursor)}}}'
