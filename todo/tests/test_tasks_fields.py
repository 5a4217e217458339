"""The fields of a task: times with zones, titles, descriptions."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from todo.tasks.fields import Description, SearchText, Timestamp, Title

MOMENT: TypeAdapter[datetime] = TypeAdapter(Timestamp)


@pytest.mark.parametrize(
    "text",
    [
        "2030-01-31T17:00:00Z",
        "2030-01-31t17:00:00z",
        "2030-01-31 17:00:00+00:00",
        "2030-01-31T19:30:00+02:30",
        "2030-01-31T17:00:00.000000Z",
    ],
)
def test_a_moment_is_kept_in_utc_however_it_was_written(text: str) -> None:
    assert MOMENT.validate_python(text) == datetime(2030, 1, 31, 17, tzinfo=UTC)
    assert MOMENT.validate_python(text).tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "2030-01-31T17:00:00",
        "2030-01-31",
        "1890000000",
        1890000000,
        1e300,
        True,
        "",
        "tomorrow",
        "2030-02-30T00:00:00Z",
        "2030-01-01T24:00:00Z",
        "2030-01-01T00:00:00+99:00",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "٢٠٣٠-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_what_is_no_moment_with_a_zone_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        MOMENT.validate_python(value)


@given(
    st.datetimes(
        timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
    )
)
def test_every_moment_is_taken_as_it_is_or_refused(moment: datetime) -> None:
    try:
        taken = MOMENT.validate_python(moment)
    except ValidationError:
        assert moment.year in {1, 9999}
    else:
        assert taken == moment
        assert datetime.min.replace(tzinfo=UTC) < taken < datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Title, ""),
        (Title, "   "),
        (Title, "a" * 201),
        (Title, "a\nb"),
        (Title, "a\x00b"),
        (Title, "\ud800"),
        (Title, 5),
        (Title, None),
        (Description, "a" * 10_001),
        (Description, "a\x00b"),
        (SearchText, "a" * 201),
        (SearchText, "a\x00b"),
    ],
)
def test_text_that_cannot_be_kept_is_refused(kind: Any, text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)


@pytest.mark.parametrize(
    ("kind", "text", "kept"),
    [
        (Title, "\N{PILE OF POO}" * 200, "\N{PILE OF POO}" * 200),
        (Title, " a ", "a"),
        (Description, "", ""),
        (Description, "a" * 10_000, "a" * 10_000),
        (SearchText, "  ", ""),
    ],
)
def test_text_up_to_its_limit_is_kept(kind: Any, text: str, kept: str) -> None:
    assert TypeAdapter(kind).validate_python(text) == kept
