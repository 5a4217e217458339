"""A task as text is the JSON that the schemas describe."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from todo.tasks.documents import task_document
from todo.tasks.models import Priority
from todo.tasks.schemas import TaskRead
from todo.tasks.sql import TaskRow

TIMES = st.datetimes(timezones=st.just(UTC))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))

ROWS = st.builds(
    TaskRow,
    id=st.uuids(),
    title=TEXTS,
    description=TEXTS | st.none(),
    priority=st.sampled_from(Priority),
    due_date=TIMES | st.none(),
    completed_at=TIMES | st.none(),
    created_at=TIMES,
    updated_at=TIMES,
    tags=st.just('{"id":"01900000-0000-7000-8000-000000000001","name":"a","color":"#000000"}'),
    revision=st.just("3.1.2"),
)

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
ROW = TaskRow(
    UUID(int=1), "Buy milk", None, Priority.LOW, None, None, NOON, NOON, tags="", revision="1.0.0"
)


@given(ROWS)
def test_it_says_what_the_model_would_say(row: TaskRow) -> None:
    shown = json.loads(task_document(row))
    model = TaskRead.model_validate(shown)

    assert shown == json.loads(model.model_dump_json())
    assert list(shown) == list(TaskRead.model_fields)
    assert (model.title, model.description) == (row.title, row.description)
    assert (model.due_date, model.completed_at) == (row.due_date, row.completed_at)
    assert model.completed == (row.completed_at is not None)
    assert model.etag == '"3.1.2"'


@pytest.mark.parametrize("hours", [-11, 0, 5.5])
def test_a_time_is_shown_in_utc_whatever_zone_the_session_has(hours: float) -> None:
    zone = timezone(timedelta(hours=hours))

    shown = json.loads(task_document(replace(ROW, created_at=NOON.astimezone(zone))))

    assert shown["created_at"] == "2026-11-30T12:00:00Z"


def test_no_tags_are_an_empty_list() -> None:
    assert json.loads(task_document(ROW))["tags"] == []
