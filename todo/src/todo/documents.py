"""JSON that the server writes: each response is text built from its rows.

The pydantic models in `schemas` describe these documents, and tests check that they agree.
"""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Date, SQLColumnExpression, Text, cast, func

from todo.sql import text_of


def quoted(value: SQLColumnExpression[Any]) -> ColumnElement[str]:
    """A text as JSON."""
    return cast(func.to_json(value), Text)


def moment(value: SQLColumnExpression[Any]) -> ColumnElement[str]:
    """A time as JSON, in UTC whatever time zone the session has."""
    text = cast(func.to_json(func.timezone(text_of("UTC"), value)), Text)
    return func.rtrim(text, text_of('"')) + text_of('Z"')


def day(value: SQLColumnExpression[Any]) -> ColumnElement[str]:
    """The day of UTC at a time, as JSON."""
    return cast(func.to_json(cast(func.timezone(text_of("UTC"), value), Date)), Text)


def or_null(document: ColumnElement[str]) -> ColumnElement[str]:
    """The JSON of an optional value."""
    return func.coalesce(document, text_of("null"))


def etag_of(revision: SQLColumnExpression[str]) -> ColumnElement[str]:
    """The `ETag` of a revision as JSON."""
    return quoted(text_of('"') + revision + text_of('"'))


def page(items: Iterable[str], next_cursor: str | None) -> str:
    """A page of a list of documents."""
    return f'{{"items":[{",".join(items)}],"next_cursor":{json.dumps(next_cursor)}}}'
