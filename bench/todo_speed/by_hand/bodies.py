"""What clients send and get, in pydantic's words."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
)
from pydantic import StrictBool as Bool

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_OF_PROSE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", flags=re.ASCII
)
_NO_WORD = re.compile("[^a-z0-9]+")
_CALENDAR = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


Priority = Literal["low", "medium", "high", "urgent"]

RANKS: Mapping[Priority, int] = {"low": 1, "medium": 2, "high": 3, "urgent": 4}
"""Priorities as the table keeps them, so that they sort."""

PRIORITIES: Mapping[int, Priority] = {rank: priority for priority, rank in RANKS.items()}


def fold(name: str) -> str:
    """A tag's name without case, in one spelling of Unicode."""
    folded = unicodedata.normalize("NFC", name).casefold()
    return unicodedata.normalize("NFC", folded)


def _one_line(text: str) -> str:
    stripped = _without_controls(text).strip()
    if not stripped:
        raise ValueError("must not be blank")
    return stripped


def _without_controls(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must be one line, without control characters")
    return text


def _prose(text: str) -> str:
    if _CONTROL_OF_PROSE.search(text):
        raise ValueError("must not hold control characters other than tab and line break")
    return text


def _is_rfc3339(value: object) -> object:
    if not (isinstance(value, str) and _RFC3339.fullmatch(value)):
        raise ValueError("must be a time with its zone, as in RFC 3339")
    return value


def _in_utc(moment: datetime) -> datetime:
    first, last = _CALENDAR
    if not first <= moment.replace(tzinfo=UTC) <= last:
        raise ValueError("must be between the years 1 and 9999")
    return moment.astimezone(UTC)


def _day_or_moment(value: object) -> date:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, flags=re.ASCII):
        day = date.fromisoformat(value)
        _in_utc(datetime(day.year, day.month, day.day, tzinfo=UTC))
        return day
    return _TIMESTAMP.validate_python(value)


def fold_words(text: str) -> str:
    """The words of a text without case, accents and punctuation."""
    if text.isascii():
        return _NO_WORD.sub(" ", text.lower()).strip()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(each for each in apart if not unicodedata.combining(each))
    return " ".join(re.sub(r"[\W_]+", " ", bare).split())


def _without_repetition(names: list[str]) -> list[str]:
    by_fold: dict[str, str] = {}
    for name in names:
        by_fold.setdefault(fold(name), name)
    return list(by_fold.values())


Timestamp = Annotated[AwareDatetime, BeforeValidator(_is_rfc3339), AfterValidator(_in_utc)]
_TIMESTAMP: TypeAdapter[datetime] = TypeAdapter(Timestamp)
DueDate = Annotated[datetime | date, PlainValidator(_day_or_moment)]
Title = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
Prose = Annotated[str, Field(max_length=10_000), AfterValidator(_prose)]
TagName = Annotated[str, Field(min_length=1, max_length=50), AfterValidator(_one_line)]


class NewTask(BaseModel):
    """A task to create."""

    model_config = ConfigDict(extra="forbid")

    title: Title
    description: Prose | None = None
    priority: Priority = "medium"
    due_date: DueDate | None = None
    completed: Bool = False
    tags: Annotated[list[TagName], Field(max_length=20), AfterValidator(_without_repetition)] = []


class Done(BaseModel):
    """Whether a task is done."""

    model_config = ConfigDict(extra="forbid")

    completed: Bool = True


class ListQuery(BaseModel):
    """Which page to list."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(max_length=200)] | None = None
    q: Annotated[str, Field(max_length=200), AfterValidator(_without_controls)] | None = None


class TagOnTask(BaseModel):
    """A tag as a task shows it."""

    id: UUID
    name: str
    color: str


class ShownTask(BaseModel):
    """A task as clients get it."""

    id: UUID
    title: str
    description: str | None
    priority: Priority
    due_date: datetime | date | None
    completed: bool
    completed_at: datetime | None
    tags: list[TagOnTask]
    position: str
    created_at: datetime
    updated_at: datetime
    etag: str


class Page(BaseModel):
    """A page of tasks."""

    items: list[ShownTask]
    next_cursor: str | None
