"""The fields of a task, as clients may send them."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from todo.text import FILLED_LINE_PATTERN, LINE_PATTERN, PROSE_PATTERN, filled_line, line, prose

_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_END = datetime(9999, 12, 30, tzinfo=UTC)


def _is_rfc3339(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC3339.fullmatch(value)):
        return value
    raise PydanticCustomError(
        "timestamp_form", "Must be a time with its zone, such as 2030-01-31T17:00:00Z"
    )


def _in_utc(value: datetime) -> datetime:
    # The first and the last day of Python's calendar can overflow when their zone changes, and
    # asyncpg sends the ends of it as -infinity and infinity.
    if not _FIRST <= value.replace(tzinfo=UTC) <= _END:
        raise PydanticCustomError("timestamp_range", "Must be between the years 1 and 9999")
    return value.astimezone(UTC)


Timestamp = Annotated[AwareDatetime, BeforeValidator(_is_rfc3339), AfterValidator(_in_utc)]
"""A time in the format of RFC 3339; a zone is required."""

Title = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        examples=["Buy milk"],
        json_schema_extra={"pattern": FILLED_LINE_PATTERN},
    ),
    AfterValidator(filled_line),
]
"""One line of at most 200 characters."""

Description = Annotated[
    str,
    Field(
        max_length=10_000,
        examples=["Two litres, the one with the blue lid."],
        json_schema_extra={"pattern": PROSE_PATTERN},
    ),
    AfterValidator(prose),
]
"""Text of at most 10,000 characters."""

SearchText = Annotated[
    str,
    Field(max_length=200, examples=["milk -oat"], json_schema_extra={"pattern": LINE_PATTERN}),
    AfterValidator(line),
]
"""The words of the full-text search; may be blank."""
