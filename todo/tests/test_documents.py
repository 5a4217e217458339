"""What the server writes as JSON is what the schemas describe."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from httpx2 import AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from staged import StagedAccount
from task_api import TaskAPI
from writes import Connection

from todo.documents import page
from todo.tags.schemas import CountedTag, TagPage, TagRead
from todo.tasks.models import Priority
from todo.tasks.schemas import TaskPage, TaskRead

ODD = 'quote " backslash \\ slash / tab\tä € 𝄞 \u2028 </script> {} % :name $1'


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


def assert_shown_as(model: type[BaseModel], shown: dict[str, Any]) -> None:
    assert list(shown) == list(model.model_fields)
    read = model.model_validate(shown)
    assert model.model_validate_json(read.model_dump_json()) == read


@pytest.mark.parametrize("priority", Priority)
async def test_a_task_is_shown_with_all_that_was_sent(api: TaskAPI, priority: Priority) -> None:
    every: list[dict[str, Any]] = [
        {},
        {"description": f"{ODD}\nsecond line", "due_date": "2030-01-31T17:00:00.120000+05:30"},
        {"description": "", "completed": True, "tags": ["b", 'a "quoted" \\ tag ä']},
        {"due_date": "0001-01-02T00:00:00Z"},
        {"due_date": "9999-12-29T23:59:59.999999Z"},
    ]
    for given_fields in every:
        shown = await api.task("Buy milk", priority=priority, **given_fields)

        assert_shown_as(TaskRead, shown)
        task = TaskRead.model_validate(shown)
        assert task.title == "Buy milk"
        assert task.priority is priority
        assert task.description == given_fields.get("description")
        assert task.completed == (task.completed_at is not None) == ("completed" in given_fields)
        assert [tag.name for tag in task.tags] == sorted(given_fields.get("tags", []))
        due = given_fields.get("due_date")
        assert task.due_date == (None if due is None else datetime.fromisoformat(due))
        assert task.created_at.tzinfo is not None
        assert await api.expect(200, "GET", f"/tasks/{shown['id']}") == shown
        page_of_one = await api.expect(200, "GET", "/tasks", params={"limit": 1})
        assert page_of_one["items"] == [shown]
        TaskPage.model_validate(page_of_one)


async def test_a_tag_is_shown_with_all_that_was_sent(api: TaskAPI) -> None:
    for name in ("work", 'a "quoted" \\ tag ä € 𝄞', "</script> {} % :name $1"):
        shown = await api.tag(name, color="#2563EB")

        assert_shown_as(TagRead, shown)
        assert (shown["name"], shown["color"]) == (name, "#2563eb")
        assert await api.expect(200, "GET", f"/tags/{shown['id']}") == shown
        listed = await api.expect(200, "GET", "/tags")
        TagPage.model_validate(listed)
        assert_shown_as(CountedTag, listed["items"][0])
        assert {**shown, "task_count": 0} in listed["items"]


async def test_times_are_in_utc_whatever_zone_the_database_has(
    api: TaskAPI, server: Connection
) -> None:
    task = await api.task(due_date="2030-06-30T12:00:00Z")
    database = await server.fetchval("SELECT current_database()")
    await server.execute(f"ALTER DATABASE \"{database}\" SET timezone = 'Asia/Kolkata'")
    # New connections have it.
    await server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    assert task["due_date"] == "2030-06-30T12:00:00Z"
    assert await api.expect(200, "GET", f"/tasks/{task['id']}") == task
    assert datetime.fromisoformat(task["created_at"]).tzinfo == UTC


@given(st.lists(st.integers()), st.none() | st.text("abcXYZ019-_", min_size=1))
def test_a_page_is_json(items: list[int], cursor: str | None) -> None:
    shown = json.loads(page(map(str, items), cursor))

    assert shown == {"items": items, "next_cursor": cursor}
