"""The fields of a tag, as clients may send them."""

from typing import Annotated

from pydantic import AfterValidator, Field

from todo.tags.models import MAX_TAGS_PER_TASK, fold
from todo.text import FILLED_LINE_PATTERN, filled_line

TagName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=50,
        examples=["work"],
        json_schema_extra={"pattern": FILLED_LINE_PATTERN},
    ),
    AfterValidator(filled_line),
]
"""The name of a tag: one line of at most 50 characters, unique per user without regard to case."""

Color = Annotated[
    str, Field(pattern="^#[0-9a-fA-F]{6}$", examples=["#2563eb"]), AfterValidator(str.lower)
]
"""A colour in the notation of CSS, such as `#1e90ff`."""


def _each_once(names: list[str]) -> list[str]:
    return list({fold(name): name for name in reversed(names)}.values())[::-1]


TagNames = Annotated[list[TagName], Field(max_length=MAX_TAGS_PER_TASK), AfterValidator(_each_once)]
"""Names of tags for one task; a duplicate counts once."""
