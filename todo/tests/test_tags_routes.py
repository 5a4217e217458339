"""`/api/{user_id}/tags` as its clients see it."""

from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient
from sqlalchemy import delete
from staged import StagedAccount
from task_api import TaskAPI

from todo.accounts.models import User
from todo.tags.models import DEFAULT_COLOR, MAX_TAGS_PER_TASK
from wellhead import Database

MISSING = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


@pytest.fixture
def other(client: AsyncClient, other_account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, other_account)


async def counts(api: TaskAPI, **query: Any) -> dict[str, int]:
    page = await api.expect(200, "GET", "/tags", params=query)
    return {tag["name"]: tag["task_count"] for tag in page["items"]}


async def test_a_new_tag_has_a_colour_of_its_own_or_the_default(api: TaskAPI) -> None:
    blue = await api.tag(" Work ", color="#2563EB")
    grey = await api.tag("home")

    assert UUID(blue["id"]).version == 7
    assert (blue["name"], blue["color"]) == ("Work", "#2563eb")
    assert (grey["name"], grey["color"]) == ("home", DEFAULT_COLOR)


async def test_a_new_tag_is_where_its_location_says_with_its_etag(api: TaskAPI) -> None:
    created = await api.send("POST", "/tags", json={"name": "work"})
    location = created.headers["Location"]
    path = location.removeprefix(f"/api/{api.account.id}")
    read = await api.send("GET", path)

    assert read.json() == created.json()
    assert read.headers["ETag"] == created.headers["ETag"] == created.json()["etag"]
    known = await api.send("GET", path, headers={"If-None-Match": read.headers["ETag"]})
    assert (known.status_code, known.content) == (304, b"")


@pytest.mark.parametrize(
    ("first", "second"),
    [("Work", "work"), ("Größe", "GRÖSSE"), ("caf\u00e9", "CAFE\u0301"), ("İstanbul", "i̇STANBUL")],
)
async def test_a_name_is_taken_in_every_case_and_spelling(
    api: TaskAPI, first: str, second: str
) -> None:
    await api.tag(first)
    refused = await api.send("POST", "/tags", json={"name": second})

    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:todo:tag-name-taken"
    assert list(await counts(api)) == [first]


async def test_the_name_of_somebody_elses_tag_is_free(api: TaskAPI, other: TaskAPI) -> None:
    await other.tag("work")
    await api.tag("work")

    assert await counts(api) == {"work": 0}


async def test_a_tag_is_named_in_a_task_in_any_case_and_keeps_its_spelling(api: TaskAPI) -> None:
    tag = await api.tag("Work", color="#ff0000")
    task = await api.task(tags=["WORK", "work"])

    assert task["tags"] == [{"id": tag["id"], "name": "Work", "color": "#ff0000"}]


async def test_a_list_counts_the_tasks_of_each_tag_in_the_order_of_names(
    api: TaskAPI, other: TaskAPI
) -> None:
    await api.task("one", tags=["b", "C"])
    await api.task("two", tags=["C"])
    await api.tag("a")
    await other.task(tags=["theirs", "b"])

    listed = await counts(api)

    assert listed == {"a": 0, "b": 1, "C": 2}
    assert list(listed) == ["a", "b", "C"]


async def test_pages_of_any_size_show_every_tag_once(api: TaskAPI) -> None:
    names = ["a", "B", "ä", "☃", "b b", "z"]
    for name in names:
        await api.tag(name)

    for limit in range(1, len(names) + 2):
        shown: list[str] = []
        query: str | None = f"?limit={limit}"
        while query:
            answer = await api.send("GET", f"/tags{query}")
            shown += [tag["name"] for tag in answer.json()["items"]]
            query = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert shown == ["a", "B", "b b", "z", "ä", "☃"]


async def test_a_cursor_of_another_list_is_refused_by_name(api: TaskAPI) -> None:
    for number in range(2):
        await api.task(f"{number}")
    page = await api.expect(200, "GET", "/tasks?limit=1")
    faults = await api.field_faults("GET", "/tags", params={"cursor": page["next_cursor"]})

    assert list(faults) == ["query.cursor"]


async def test_renaming_and_recolouring_show_in_the_tasks_and_change_their_etags(
    api: TaskAPI,
) -> None:
    task = await api.task(tags=["work"])
    (tag,) = task["tags"]
    renamed = await api.expect(200, "PATCH", f"/tags/{tag['id']}", json={"name": "Job"})
    after_name = await api.expect(200, "GET", f"/tasks/{task['id']}")
    recoloured = await api.expect(200, "PATCH", f"/tags/{tag['id']}", json={"color": "#FF0000"})
    after_color = await api.expect(200, "GET", f"/tasks/{task['id']}")

    assert (renamed["name"], renamed["color"]) == ("Job", DEFAULT_COLOR)
    assert (recoloured["name"], recoloured["color"]) == ("Job", "#ff0000")
    assert after_color["tags"] == [{"id": tag["id"], "name": "Job", "color": "#ff0000"}]
    assert len({task["etag"], after_name["etag"], after_color["etag"]}) == 3


async def test_a_tag_may_change_the_case_of_its_own_name(api: TaskAPI) -> None:
    tag = await api.tag("work")
    renamed = await api.expect(200, "PATCH", f"/tags/{tag['id']}", json={"name": "WORK"})

    assert renamed["name"] == "WORK"


async def test_a_name_that_is_taken_is_refused_and_nothing_changes(api: TaskAPI) -> None:
    await api.tag("home")
    tag = await api.tag("work")
    path = f"/tags/{tag['id']}"
    body = {"name": "HOME", "color": "#ff0000"}
    await api.expect(409, "PATCH", path, json=body)

    assert await api.expect(200, "GET", path) == tag


async def test_a_change_that_changes_nothing_keeps_the_etag(api: TaskAPI) -> None:
    tag = await api.tag("work", color="#ff0000")

    for body in ({}, {"name": "work"}, {"color": "#FF0000"}):
        assert await api.expect(200, "PATCH", f"/tags/{tag['id']}", json=body) == tag


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_change_on_an_old_etag_is_refused(api: TaskAPI, method: str) -> None:
    old = await api.tag("old")
    path = f"/tags/{old['id']}"
    new = await api.expect(200, "PATCH", path, json={"name": "new"})
    body = {"name": "newer"} if method == "PATCH" else None
    refused = await api.send(method, path, json=body, if_match=old["etag"])
    malformed = await api.send(method, path, json=body, if_match="new")

    assert (refused.status_code, malformed.status_code) == (412, 400)
    assert await api.expect(200, "GET", path) == new
    accepted = await api.send(method, path, json=body, if_match=new["etag"])
    assert accepted.status_code in {200, 204}


async def test_a_deleted_tag_leaves_its_tasks_with_new_etags(api: TaskAPI) -> None:
    task = await api.task(tags=["a", "b"])
    tag = next(tag for tag in task["tags"] if tag["name"] == "a")
    await api.expect(204, "DELETE", f"/tags/{tag['id']}")
    now = await api.expect(200, "GET", f"/tasks/{task['id']}")

    assert [tag["name"] for tag in now["tags"]] == ["b"]
    assert now["etag"] != task["etag"]
    assert (await api.send("DELETE", f"/tags/{tag['id']}")).status_code == 404


async def test_attaching_twice_is_attaching_once(api: TaskAPI) -> None:
    task, tag = await api.task(tags=["z"]), await api.tag("a")
    path = f"/tags/{tag['id']}/tasks/{task['id']}"
    first = await api.send("PUT", path)
    second = await api.send("PUT", path)

    assert [tag["name"] for tag in first.json()["tags"]] == ["a", "z"]
    assert first.headers["ETag"] == first.json()["etag"] != task["etag"]
    assert second.json() == first.json()
    assert await api.expect(200, "GET", f"/tasks/{task['id']}") == first.json()


async def test_detaching_twice_is_detaching_once(api: TaskAPI) -> None:
    task = await api.task(tags=["a", "b"])
    path = f"/tags/{task['tags'][0]['id']}/tasks/{task['id']}"
    first = await api.send("DELETE", path)
    second = await api.send("DELETE", path)

    assert [tag["name"] for tag in first.json()["tags"]] == ["b"]
    assert first.headers["ETag"] == first.json()["etag"] != task["etag"]
    assert second.json() == first.json()
    assert await counts(api) == {"a": 0, "b": 1}


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_attaching_and_detaching_heed_the_tasks_etag(api: TaskAPI, method: str) -> None:
    task = await api.task(tags=["a"])
    tag = task["tags"][0] if method == "DELETE" else await api.tag("b")
    path = f"/tags/{tag['id']}/tasks/{task['id']}"
    refused = await api.send(method, path, if_match='"old"')

    assert refused.status_code == 412
    assert await api.expect(200, "GET", f"/tasks/{task['id']}") == task
    assert (await api.send(method, path, if_match=task["etag"])).status_code == 200


async def test_a_task_carries_no_more_tags_than_it_may(api: TaskAPI) -> None:
    names = [f"{number}" for number in range(MAX_TAGS_PER_TASK)]
    task, tag = await api.task(tags=names), await api.tag("one more")
    path = f"/tasks/{task['id']}"
    refused = await api.send("PUT", f"/tags/{tag['id']}{path}")

    assert refused.status_code == 409
    assert str(MAX_TAGS_PER_TASK) in refused.json()["detail"]
    assert await api.expect(200, "PUT", f"/tags/{task['tags'][0]['id']}{path}") == task


CALLS: list[tuple[str, Any]] = [("GET", None), ("PATCH", {"name": "mine"}), ("DELETE", None)]


@pytest.mark.parametrize(("method", "body"), CALLS)
async def test_a_tag_of_somebody_else_is_not_found(
    api: TaskAPI, other: TaskAPI, method: str, body: Any
) -> None:
    theirs = await other.tag("theirs")
    missing = await api.send(method, f"/tags/{MISSING}", json=body)
    foreign = await api.send(method, f"/tags/{theirs['id']}", json=body)

    assert (missing.status_code, foreign.status_code) == (404, 404)
    assert missing.json() == foreign.json()
    assert await other.expect(200, "GET", f"/tags/{theirs['id']}") == theirs


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_only_ones_own_tags_go_on_ones_own_tasks(
    api: TaskAPI, other: TaskAPI, method: str
) -> None:
    my_task, their_task = await api.task(tags=["mine"]), await other.task(tags=["theirs"])
    (my_tag,), (their_tag,) = my_task["tags"], their_task["tags"]

    for tag, task in ((their_tag, my_task), (my_tag, their_task), (their_tag, their_task)):
        answer = await api.send(method, f"/tags/{tag['id']}/tasks/{task['id']}")
        assert answer.status_code == 404
    assert await api.expect(200, "GET", f"/tasks/{my_task['id']}") == my_task
    assert await other.expect(200, "GET", f"/tasks/{their_task['id']}") == their_task


async def test_the_path_of_somebody_else_is_forbidden(
    client: AsyncClient, account: StagedAccount, other: TaskAPI
) -> None:
    task = await other.task(tags=["theirs"])
    root = f"/api/{other.account.id}/tags"
    tag = f"{root}/{task['tags'][0]['id']}"
    calls: list[tuple[str, str, Any]] = [
        ("GET", root, None),
        ("POST", root, {"name": "mine"}),
        ("GET", tag, None),
        ("PATCH", tag, {"name": "mine"}),
        ("DELETE", tag, None),
        ("PUT", f"{tag}/tasks/{task['id']}", None),
        ("DELETE", f"{tag}/tasks/{task['id']}", None),
    ]

    for method, path, body in calls:
        answer = await client.request(method, path, json=body, headers=account.headers)
        assert answer.status_code == 403, (method, path)
        assert (await client.request(method, path, json=body)).status_code == 401
    assert await other.expect(200, "GET", f"/tasks/{task['id']}") == task


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body.name"),
        ({"name": None}, "body.name"),
        ({"name": "  "}, "body.name"),
        ({"name": "a" * 51}, "body.name"),
        ({"name": "a\x00b"}, "body.name"),
        ({"name": "a\nb"}, "body.name"),
        ({"name": "a", "color": "red"}, "body.color"),
        ({"name": "a", "color": "#fff"}, "body.color"),
        ({"name": "a", "color": "#12345g"}, "body.color"),
        ({"name": "a", "color": "#123456\n"}, "body.color"),
        ({"name": "a", "color": None}, "body.color"),
        ({"name": "a", "colour": "#123456"}, "body.colour"),
    ],
)
async def test_a_field_that_cannot_be_taken_is_named(
    api: TaskAPI, body: dict[str, Any], field: str
) -> None:
    assert list(await api.field_faults("POST", "/tags", json=body)) == [field]
    if body:
        tag = await api.tag("work")
        assert list(await api.field_faults("PATCH", f"/tags/{tag['id']}", json=body)) == [field]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "offset=5", "cursor=AAAA", "limit=1e3"])
async def test_a_query_that_cannot_be_taken_is_named(api: TaskAPI, query: str) -> None:
    faults = await api.field_faults("GET", f"/tags?{query}")

    assert list(faults) == [f"query.{query.partition('=')[0]}"]


async def test_malformed_ids_are_refused_by_name(api: TaskAPI) -> None:
    assert list(await api.field_faults("GET", "/tags/1")) == ["path.tag_id"]
    assert sorted(await api.field_faults("PUT", "/tags/1/tasks/%00")) == [
        "path.tag_id",
        "path.task_id",
    ]


async def test_the_account_behind_a_living_token_may_be_gone(
    api: TaskAPI, database: Database
) -> None:
    async with database.session() as session:
        await session.exec(delete(User))
    answer = await api.send("POST", "/tags", json={"name": "work"})

    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:todo:account-gone"
    assert await counts(api) == {}
