"""The manual order: where tasks are moved, by one and by many at once, again and again."""

import asyncio
import random
import re
from datetime import UTC, datetime

import pytest
from httpx2 import AsyncClient
from staged import StagedAccount
from task_api import Json, TaskAPI

from todo.models import new_id
from todo.tasks.positions import LONGEST, position_at


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


async def made(api: TaskAPI, titles: str) -> dict[str, Json]:
    return {title: await api.task(title) for title in titles}


async def move(api: TaskAPI, task: Json, **where: str) -> Json:
    return await api.expect(200, "PATCH", f"/tasks/{task['id']}/position", json=where)


async def order(api: TaskAPI) -> str:
    return "".join(await api.titles(sort="position", limit=100))


def test_positions_compare_as_their_times_do() -> None:
    moments = [datetime(year, 6, 1, tzinfo=UTC) for year in (1, 1970, 1971, 2026, 2285)]
    positions = [position_at(moment, new_id()) for moment in moments]

    assert positions[1:] == sorted(positions[1:])
    assert all(re.fullmatch("[0-9]{20}5", position) for position in positions)


async def test_new_tasks_come_last(api: TaskAPI) -> None:
    await made(api, "abc")

    assert await order(api) == "abc"
    assert await api.titles(sort="-position") == ["c", "b", "a"]


async def test_a_task_is_moved_next_to_another_or_to_an_end(api: TaskAPI) -> None:
    tasks = await made(api, "abcd")

    for title, where, expected in (
        ("d", {"before": tasks["b"]["id"]}, "adbc"),
        ("a", {"after": tasks["c"]["id"]}, "dbca"),
        ("a", {"to": "first"}, "adbc"),
        ("d", {"to": "last"}, "abcd"),
        ("b", {"before": tasks["a"]["id"]}, "bacd"),
        ("b", {"after": tasks["d"]["id"]}, "acdb"),
        ("c", {"after": tasks["a"]["id"]}, "acdb"),
    ):
        await move(api, tasks[title], **where)
        assert await order(api) == expected
    await api.task("e")
    assert await order(api) == "acdbe"


async def test_a_move_changes_that_task_only_and_none_that_is_there_already(api: TaskAPI) -> None:
    tasks = await made(api, "abc")
    moved = await move(api, tasks["c"], before=tasks["b"]["id"])

    assert moved["etag"] != tasks["c"]["etag"]
    assert moved == await api.expect(200, "GET", f"/tasks/{moved['id']}")
    assert tasks["a"]["position"] < moved["position"] < tasks["b"]["position"]
    for where in ({"before": tasks["b"]["id"]}, {"after": tasks["a"]["id"]}):
        assert await move(api, moved, **where) == moved
    assert await move(api, tasks["a"], to="first") == tasks["a"]
    assert await move(api, tasks["b"], to="last") == tasks["b"]


async def test_the_only_task_is_first_and_last(api: TaskAPI) -> None:
    task = await api.task()

    assert await move(api, task, to="first") == await move(api, task, to="last") == task


async def test_a_move_next_to_nothing_is_refused(
    api: TaskAPI, client: AsyncClient, other_account: StagedAccount
) -> None:
    task = await api.task()
    theirs = await TaskAPI(client, other_account).task()
    path = f"/tasks/{task['id']}/position"

    for anchor in (str(new_id()), theirs["id"], task["id"]):
        for side in ("before", "after"):
            problem = await api.expect(404, "PATCH", path, json={side: anchor})
            assert problem["type"] == "urn:todo:other-task-not-found"
    other = f"/tasks/{theirs['id']}/position"
    problem = await api.expect(404, "PATCH", other, json={"after": task["id"]})
    assert problem["type"] == "urn:todo:task-not-found"
    assert await api.expect(200, "GET", f"/tasks/{task['id']}") == task


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"before": None}, "body"),
        ({"to": "first", "after": str(new_id())}, "body"),
        ({"to": "first", "after": None}, "body"),
        ({"to": "middle"}, "body.to"),
        ({"before": "x"}, "body.before"),
        ({"position": "5"}, "body.position"),
    ],
)
async def test_a_move_to_nowhere_is_refused(api: TaskAPI, body: Json, field: str) -> None:
    task = await api.task()

    assert field in await api.field_faults("PATCH", f"/tasks/{task['id']}/position", json=body)


async def test_a_move_of_a_task_that_has_changed_is_refused(api: TaskAPI) -> None:
    tasks = await made(api, "ab")
    path = f"/tasks/{tasks['b']['id']}/position"
    body = {"before": tasks["a"]["id"]}
    moved = await api.expect(200, "PATCH", path, json=body, if_match=tasks["b"]["etag"])

    await api.expect(412, "PATCH", path, json={"to": "last"}, if_match=tasks["b"]["etag"])
    await api.expect(200, "PATCH", path, json={"to": "last"}, if_match=moved["etag"])


async def test_any_moves_end_in_the_order_that_was_asked_for(api: TaskAPI) -> None:
    chance = random.Random(16)  # noqa: S311 - no secret is made of it
    tasks = await made(api, "abcdefg")
    expected = list("abcdefg")

    for _ in range(60):
        title = chance.choice(expected)
        expected.remove(title)
        place = chance.randrange(len(expected) + 1)
        where = (
            {"before": tasks[expected[place]]["id"]}
            if place < len(expected)
            else {"to": "last"}
            if chance.random() < 0.5
            else {"after": tasks[expected[-1]]["id"]}
        )
        expected.insert(place, title)
        await move(api, tasks[title], **where)
        assert await order(api) == "".join(expected)


async def test_moves_into_the_same_gap_never_run_out_of_room(api: TaskAPI) -> None:
    tasks = await made(api, "axyb")

    longest = 0
    for number in range(500):
        title = "xy"[number % 2]
        moved = await move(api, tasks[title], after=tasks["a"]["id"])
        longest = max(longest, len(moved["position"]))

    assert await order(api) == "ayxb"
    assert longest <= LONGEST
    kept = {task["title"]: task for task in (await api.expect(200, "GET", "/tasks"))["items"]}
    assert (kept["a"], kept["b"]) == (tasks["a"], tasks["b"])


async def test_moves_to_the_beginning_never_run_out_of_room(api: TaskAPI) -> None:
    tasks = await made(api, "abc")

    for number in range(60):
        await move(api, tasks["abc"[number % 3]], to="first")

    assert await order(api) == "cba"
    assert all(
        len(task["position"]) < LONGEST / 2
        for task in (await api.expect(200, "GET", "/tasks"))["items"]
    )


@pytest.mark.wellhead(commit=True)
async def test_moves_at_the_same_time_all_succeed_and_none_shares_a_place(api: TaskAPI) -> None:
    tasks = await made(api, "abcdefghij")
    first, *rest, last = tasks.values()

    for _ in range(3):
        await asyncio.gather(*(move(api, task, after=first["id"]) for task in rest))
        shown = await order(api)
        assert (shown[0], shown[-1], sorted(shown)) == ("a", "j", list("abcdefghij"))
    await asyncio.gather(
        *(move(api, task, before=other["id"]) for task in rest for other in (first, last)),
        *(move(api, task, to=end) for task in rest for end in ("first", "last")),
    )

    items = (await api.expect(200, "GET", "/tasks"))["items"]
    assert len({task["position"] for task in items}) == len(tasks)
