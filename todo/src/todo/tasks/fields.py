"""The fields of a task, as clients may send them."""

import re
from datetime import UTC, date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    TypeAdapter,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from todo.text import FILLED_LINE_PATTERN, LINE_PATTERN, PROSE_PATTERN, filled_line, line, prose

_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
DEFAULT_ZONE = ZoneInfo("UTC")
"""Where days begin and end if nothing else is said."""

_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_END = datetime(9999, 12, 30, tzinfo=UTC)


def _is_rfc3339(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC3339.fullmatch(value)):
        return value
    raise PydanticCustomError(
        "timestamp_form", "Must be a time with its zone, such as 2030-01-31T17:00:00Z"
    )


def _in_range(value: datetime) -> datetime:
    # The first and the last day of Python's calendar can overflow when their zone changes, and
    # asyncpg sends the ends of it as -infinity and infinity.
    if not _FIRST <= value.replace(tzinfo=UTC) <= _END:
        raise PydanticCustomError("timestamp_range", "Must be between the years 1 and 9999")
    return value


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


_Moment = Annotated[AwareDatetime, BeforeValidator(_is_rfc3339), AfterValidator(_in_range)]

Timestamp = Annotated[_Moment, AfterValidator(_in_utc)]
"""A time in the format of RFC 3339; a zone is required."""

_MOMENT: TypeAdapter[datetime] = TypeAdapter(_Moment)


def _day_or_moment(value: object) -> date:
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC3339.fullmatch(value)):
        return _MOMENT.validate_python(value)
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("day", "There is no such day") from None
    if not isinstance(value, date):
        raise PydanticCustomError(
            "due_form",
            "Must be a day, such as 2030-01-31, or a time with its zone, such as "
            "2030-01-31T17:00:00Z or 2030-01-31T17:00:00+01:00",
        )
    _in_range(datetime(value.year, value.month, value.day, tzinfo=UTC))
    return value


_DAY_OR_MOMENT = WithJsonSchema(
    {
        "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}],
        "examples": ["2030-01-31", "2030-01-31T17:00:00Z"],
    }
)

DayOrMoment = Annotated[datetime | date, BeforeValidator(_day_or_moment), _DAY_OR_MOMENT]
"""A day, or a time in the format of RFC 3339 in its own zone."""


def _moment_in_utc(value: date) -> date:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


DueDate = Annotated[DayOrMoment, AfterValidator(_moment_in_utc)]
"""A day on which, or a time at which, a task is due."""


def _time_zone(value: object) -> ZoneInfo:
    if isinstance(value, str) and _TIME_ZONE.fullmatch(value):
        try:
            return ZoneInfo(value)
        except (OSError, ValueError, LookupError):  # Such as a folder of zones: "Europe".
            pass
    raise PydanticCustomError(
        "time_zone", "Must be a time zone of the IANA database, such as Europe/Berlin"
    )


TIME_ZONE_PATTERN = "^[A-Z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}$"
_TIME_ZONE = re.compile(TIME_ZONE_PATTERN, re.ASCII)

TimeZone = Annotated[
    ZoneInfo,
    BeforeValidator(_time_zone),
    Field(description="Where days begin and end, by the name of the IANA database."),
    WithJsonSchema({"type": "string", "pattern": TIME_ZONE_PATTERN, "examples": ["Europe/Berlin"]}),
]
"""The name of a time zone; files of the system that are none begin with a small letter."""

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
