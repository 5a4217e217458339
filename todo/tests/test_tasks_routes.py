"""`/api/{user_id}/tasks` as its clients see it: create, read, replace, change, complete, delete."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient
from sqlalchemy import delete
from staged import StagedAccount
from task_api import TaskAPI

from todo.accounts.models import User
from todo.tags.models import DEFAULT_COLOR
from wellhead import Database

NOWHERE = "/tasks/01900000-0000-7000-8000-000000000000"


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


@pytest.fixture
def other(client: AsyncClient, other_account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, other_account)


async def test_a_new_task_has_defaults_for_all_but_its_title(api: TaskAPI) -> None:
    task = await api.task("  Buy milk ")

    assert UUID(task.pop("id")).version == 7
    assert task.pop("created_at") == task.pop("updated_at")
    assert task.pop("etag")
    assert task.pop("position")
    assert task == {
        "title": "Buy milk",
        "description": None,
        "priority": "medium",
        "due_date": None,
        "completed": False,
        "completed_at": None,
        "tags": [],
    }


async def test_a_new_task_keeps_every_field(api: TaskAPI) -> None:
    task = await api.task(
        "Write",
        description="Two\nlines",
        priority="urgent",
        due_date="2030-01-31T19:00:00+02:00",
        completed=True,
        tags=["work", "Home"],
    )

    assert task["description"] == "Two\nlines"
    assert task["priority"] == "urgent"
    assert datetime.fromisoformat(task["due_date"]) == datetime.fromisoformat(
        "2030-01-31T17:00:00Z"
    )
    assert task["completed"] is True
    assert task["completed_at"] == task["created_at"]
    assert [(tag["name"], tag["color"]) for tag in task["tags"]] == [
        ("Home", DEFAULT_COLOR),
        ("work", DEFAULT_COLOR),
    ]


async def test_a_new_task_is_where_its_location_says_with_its_etag(api: TaskAPI) -> None:
    created = await api.send("POST", "/tasks", json={"title": "Buy milk", "tags": ["b", "a"]})
    location = created.headers["Location"]
    read = await api.send("GET", location.removeprefix(f"/api/{api.account.id}"))

    assert location == f"/api/{api.account.id}/tasks/{created.json()['id']}"
    assert read.status_code == 200
    assert read.json() == created.json()
    assert read.headers["ETag"] == created.headers["ETag"] == created.json()["etag"]


async def test_reading_what_one_has_already_is_answered_304(api: TaskAPI) -> None:
    task = await api.task()
    path = f"/tasks/{task['id']}"
    known = {"If-None-Match": f'"other", W/{task["etag"]}'}
    unknown = {"If-None-Match": '"other"'}
    unchanged = await api.send("GET", path, headers=known)

    assert unchanged.status_code == 304
    assert unchanged.headers["ETag"] == task["etag"]
    assert unchanged.content == b""
    assert (await api.send("GET", path, headers=unknown)).status_code == 200


async def test_replacing_sets_what_is_left_out_to_its_default(api: TaskAPI) -> None:
    task = await api.task("Old", description="d", priority="high", completed=True, tags=["a", "b"])
    new = await api.expect(
        200, "PUT", f"/tasks/{task['id']}", json={"title": "New", "tags": ["b", "c"]}
    )

    assert new["title"] == "New"
    assert new["description"] is None
    assert new["priority"] == "medium"
    assert new["completed"] is False
    assert new["completed_at"] is None
    assert [tag["name"] for tag in new["tags"]] == ["b", "c"]
    assert new["created_at"] == task["created_at"]
    assert new["updated_at"] > task["updated_at"]
    assert new == await api.expect(200, "GET", f"/tasks/{task['id']}")


async def test_changing_leaves_alone_what_is_absent(api: TaskAPI) -> None:
    task = await api.task("Old", description="d", priority="high", tags=["a"])
    changed = await api.expect(200, "PATCH", f"/tasks/{task['id']}", json={"title": "New"})

    moved = {"title", "updated_at", "etag"}
    assert {key for key in task if task[key] != changed[key]} == moved


async def test_null_clears_what_may_be_empty(api: TaskAPI) -> None:
    task = await api.task(description="d", due_date="2030-01-01T00:00:00Z")
    changed = await api.expect(
        200, "PATCH", f"/tasks/{task['id']}", json={"description": None, "due_date": None}
    )

    assert (changed["description"], changed["due_date"]) == (None, None)


@pytest.mark.parametrize("field", ["title", "priority", "completed", "tags"])
async def test_null_does_not_clear_what_must_be_there(api: TaskAPI, field: str) -> None:
    task = await api.task()

    for method in ("PATCH", "PUT"):
        faults = await api.field_faults(
            method, f"/tasks/{task['id']}", json={"title": "x", field: None}
        )
        assert list(faults) == [f"body.{field}"]


async def test_a_change_that_changes_nothing_keeps_the_etag(api: TaskAPI) -> None:
    task = await api.task("Same", tags=["a"], due_date="2030-01-01T00:00:00Z")
    path = f"/tasks/{task['id']}"

    assert await api.expect(200, "PATCH", path, json={}) == task
    assert await api.expect(200, "PATCH", path, json={"title": "Same", "tags": ["A"]}) == task
    assert await api.expect(200, "PATCH", f"{path}/complete", json={"completed": False}) == task


async def test_completing_twice_keeps_the_first_time(api: TaskAPI) -> None:
    task = await api.task()
    path = f"/tasks/{task['id']}/complete"
    first = await api.expect(200, "PATCH", path)
    second = await api.expect(200, "PATCH", path, json={"completed": True})

    assert first["completed"] is True
    assert first["completed_at"] > task["created_at"]
    assert second == first


async def test_opening_again_forgets_when_it_was_done(api: TaskAPI) -> None:
    task = await api.task(completed=True)
    opened = await api.expect(
        200, "PATCH", f"/tasks/{task['id']}/complete", json={"completed": False}
    )

    assert (opened["completed"], opened["completed_at"]) == (False, None)


async def test_a_deleted_task_is_gone_and_its_tags_stay(api: TaskAPI) -> None:
    task = await api.task(tags=["work"])
    path = f"/tasks/{task['id']}"
    deleted = await api.send("DELETE", path)

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await api.send("GET", path)).status_code == 404
    assert (await api.send("DELETE", path)).status_code == 404
    tags = await api.expect(200, "GET", "/tags")
    assert [(tag["name"], tag["task_count"]) for tag in tags["items"]] == [("work", 0)]


CALLS: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("PUT", "", {"title": "Mine now"}),
    ("PATCH", "", {"title": "Mine now"}),
    ("PATCH", "/complete", None),
    ("DELETE", "", None),
]


@pytest.mark.parametrize(("method", "suffix", "body"), CALLS)
async def test_a_task_of_somebody_else_is_not_found(
    api: TaskAPI, other: TaskAPI, method: str, suffix: str, body: Any
) -> None:
    task = await other.task("Theirs")
    missing = await api.send(method, NOWHERE + suffix, json=body)
    foreign = await api.send(method, f"/tasks/{task['id']}{suffix}", json=body)

    assert (missing.status_code, foreign.status_code) == (404, 404)
    assert missing.json() == foreign.json()
    assert await other.expect(200, "GET", f"/tasks/{task['id']}") == task


@pytest.mark.parametrize(("method", "suffix", "body"), CALLS)
async def test_the_path_of_somebody_else_is_forbidden(
    client: AsyncClient,
    account: StagedAccount,
    other: TaskAPI,
    method: str,
    suffix: str,
    body: Any,
) -> None:
    task = await other.task("Theirs")
    path = f"/api/{other.account.id}/tasks/{task['id']}{suffix}"
    answer = await client.request(method, path, json=body, headers=account.headers)

    assert answer.status_code == 403
    assert await other.expect(200, "GET", f"/tasks/{task['id']}") == task


async def test_the_list_of_somebody_else_is_forbidden(
    client: AsyncClient, account: StagedAccount, other: TaskAPI
) -> None:
    path = f"/api/{other.account.id}/tasks"
    read = await client.get(path, headers=account.headers)
    write = await client.post(path, json={"title": "x"}, headers=account.headers)

    assert (read.status_code, write.status_code) == (403, 403)
    assert await other.titles() == []


async def test_without_a_token_nothing_is_told(client: AsyncClient, api: TaskAPI) -> None:
    task = await api.task()
    answer = await client.get(f"/api/{api.account.id}/tasks/{task['id']}")

    assert answer.status_code == 401


@pytest.mark.parametrize(("method", "suffix", "body"), [call for call in CALLS if call[0] != "GET"])
async def test_a_change_on_an_old_etag_is_refused(
    api: TaskAPI, method: str, suffix: str, body: Any
) -> None:
    old = await api.task("First")
    path = f"/tasks/{old['id']}"
    new = await api.expect(200, "PATCH", path, json={"title": "Second"})
    refused = await api.send(method, path + suffix, json=body, if_match=old["etag"])

    assert refused.status_code == 412
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert await api.expect(200, "GET", path) == new
    answer = await api.send(method, path + suffix, json=body, if_match=new["etag"])
    assert answer.status_code in {200, 204}


async def test_a_star_matches_whatever_is_there_and_nothing_that_is_not(api: TaskAPI) -> None:
    task = await api.task()
    there = await api.send("PATCH", f"/tasks/{task['id']}", json={"title": "b"}, if_match="*")
    absent = await api.send("PATCH", NOWHERE, json={"title": "b"}, if_match="*")

    assert (there.status_code, absent.status_code) == (200, 404)


async def test_a_malformed_condition_is_a_bad_request(api: TaskAPI) -> None:
    task = await api.task()
    path = f"/tasks/{task['id']}"
    changed = await api.send("PATCH", path, json={"title": "b"}, if_match="unquoted")
    read = await api.send("GET", path, headers={"If-None-Match": "unquoted"})

    assert (changed.status_code, read.status_code) == (400, 400)
    assert "If-Match" in changed.json()["detail"]
    assert "If-None-Match" in read.json()["detail"]
    assert await api.expect(200, "GET", path) == task


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body.title"),
        ({"title": ""}, "body.title"),
        ({"title": " "}, "body.title"),
        ({"title": "a" * 201}, "body.title"),
        ({"title": "a\x00b"}, "body.title"),
        ({"title": 10**400}, "body.title"),
        ({"title": "x", "description": "a" * 10_001}, "body.description"),
        ({"title": "x", "description": "a\x00b"}, "body.description"),
        ({"title": "x", "priority": "highest"}, "body.priority"),
        ({"title": "x", "priority": 1}, "body.priority"),
        ({"title": "x", "due_date": "2030-01-01T00:00:00"}, "body.due_date"),
        ({"title": "x", "due_date": 10**30}, "body.due_date"),
        ({"title": "x", "due_date": "0001-01-01T00:00:00+14:00"}, "body.due_date"),
        ({"title": "x", "completed": "yes"}, "body.completed"),
        ({"title": "x", "completed": 1}, "body.completed"),
        ({"title": "x", "tags": "work"}, "body.tags"),
        ({"title": "x", "tags": ["a", ""]}, "body.tags.1"),
        ({"title": "x", "tags": ["a" * 51]}, "body.tags.0"),
        ({"title": "x", "tags": [str(number) for number in range(21)]}, "body.tags"),
        ({"title": "x", "user_id": str(uuid4())}, "body.user_id"),
        ({"title": "x", "position": "5"}, "body.position"),
    ],
)
async def test_a_field_that_cannot_be_taken_is_named(
    api: TaskAPI, body: dict[str, Any], field: str
) -> None:
    assert list(await api.field_faults("POST", "/tasks", json=body)) == [field]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b'{"title": "\\ud800"}',
        b'{"title": "\\u0000"}',
        b'{"title": NaN}',
        b'{"title": 1e999}',
        b'{"title": ' + b"9" * 5000 + b"}",
        b"[" * 20_000,
        b'{"title": "\xff\xfe"}',
        b'{"title": "x", "tags": ["\\udfff"]}',
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_a_broken_body_is_the_clients_fault(
    api: TaskAPI, method: str, content: bytes
) -> None:
    path = "/tasks" if method == "POST" else NOWHERE
    headers = {"Content-Type": "application/json"}
    answer = await api.send(method, path, content=content, headers=headers)

    assert answer.status_code in {400, 422}
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "a/b;c"])
async def test_a_body_of_another_kind_is_refused(api: TaskAPI, kind: str) -> None:
    answer = await api.send(
        "POST", "/tasks", content=b'{"title": "x"}', headers={"Content-Type": kind}
    )

    assert 400 <= answer.status_code < 500
    assert await api.titles() == []


async def test_a_merge_patch_may_come_under_its_own_media_type(api: TaskAPI) -> None:
    task = await api.task()
    answer = await api.send(
        "PATCH",
        f"/tasks/{task['id']}",
        content=b'{"title": "New"}',
        headers={"Content-Type": "application/merge-patch+json"},
    )

    assert answer.json()["title"] == "New"


@pytest.mark.parametrize("identifier", ["1", "not-a-uuid", "%00", "%ff", "0" * 5000])
async def test_a_malformed_id_is_refused_by_name(api: TaskAPI, identifier: str) -> None:
    for method in ("GET", "DELETE"):
        faults = await api.field_faults(method, f"/tasks/{identifier}")
        assert list(faults) == ["path.task_id"]


async def test_the_account_behind_a_living_token_may_be_gone(
    api: TaskAPI, database: Database
) -> None:
    task = await api.task()
    async with database.session() as session:
        await session.exec(delete(User))

    for body in ({"title": "x"}, {"title": "x", "tags": ["a"]}):
        answer = await api.send("POST", "/tasks", json=body)
        assert answer.status_code == 401
        assert answer.json()["type"] == "urn:todo:account-gone"
    assert (await api.send("GET", f"/tasks/{task['id']}")).status_code == 404
    assert await api.titles() == []
