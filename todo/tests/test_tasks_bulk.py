"""Many tasks in one request: all are changed or none."""

import asyncio
from typing import Any

import pytest
from following import Follower
from httpx2 import AsyncClient
from staged import StagedAccount
from task_api import Json, TaskAPI
from writes import Connection, until_somebody_waits

from todo.tasks import bulk
from wellhead import Database
from wellhead.testing.proxy import TCPProxy

NOBODYS = "0191b3f0-0000-7000-8000-000000000000"


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


async def send(api: TaskAPI, action: str, **tasks: Any) -> Json:
    return await api.expect(200, "POST", "/tasks/bulk", json={"action": action, **tasks})


async def make(api: TaskAPI, count: int, **fields: Any) -> list[str]:
    return sorted([(await api.task(f"{number}", **fields))["id"] for number in range(count)])


async def test_tasks_are_completed_reopened_and_deleted_by_their_ids(api: TaskAPI) -> None:
    ids = await make(api, 3)

    completed = await send(api, "complete", ids=[*ids, ids[0]])
    done = await api.titles(completed="true")
    reopened = await send(api, "reopen", ids=ids[:2])
    left = await api.titles(completed="true")
    deleted = await send(api, "delete", ids=ids)

    nothing = {"unchanged": [], "not_found": [], "has_more": False}
    assert completed == {"changed": ids, **nothing}
    assert len(done) == 3
    assert reopened == {"changed": ids[:2], **nothing}
    assert len(left) == 1
    assert deleted == {"changed": ids, **nothing}
    assert await api.titles() == []


async def test_what_is_in_that_state_already_stays_as_it_is(api: TaskAPI) -> None:
    done = await api.task(completed=True)
    (open_,) = await make(api, 1)

    answer = await send(api, "complete", ids=[done["id"], open_])

    assert (answer["changed"], answer["unchanged"]) == ([open_], [done["id"]])
    assert await api.expect(200, "GET", f"/tasks/{done['id']}") == done


async def test_tasks_of_others_and_of_nobody_are_not_found_and_not_touched(
    api: TaskAPI, client: AsyncClient, other_account: StagedAccount
) -> None:
    other = TaskAPI(client, other_account)
    theirs = await other.task()
    (mine,) = await make(api, 1)

    for action in ("complete", "reopen", "delete"):
        answer = await send(api, action, ids=[theirs["id"], mine, NOBODYS])
        assert answer["not_found"] == sorted([theirs["id"], NOBODYS])

    assert await other.expect(200, "GET", f"/tasks/{theirs['id']}") == theirs


async def test_a_completed_task_is_a_changed_one(api: TaskAPI) -> None:
    task = await api.task(tags=["a"])

    await send(api, "complete", ids=[task["id"]])

    shown = await api.expect(200, "GET", f"/tasks/{task['id']}")
    assert shown["completed"]
    assert shown["etag"] != task["etag"]
    assert shown["updated_at"] == shown["completed_at"] > task["updated_at"]


async def test_a_filter_is_that_of_a_list(api: TaskAPI) -> None:
    await api.task("milk", tags=["a"], priority="high")
    await api.task("milk", tags=["a", "b"], priority="low", completed=True)
    await api.task("bread", tags=["b"])
    filters = {"tag": ["B"], "priority": ["low", "medium"]}
    expected = await api.titles(completed="false", **filters)

    answer = await send(api, "complete", filter=filters)

    assert expected == ["bread"]
    assert len(answer["changed"]) == 1
    assert await api.titles(completed="false") == ["milk"]
    await send(api, "delete", filter={"completed": True})
    assert await api.titles() == ["milk"]


async def test_a_filter_that_matches_more_says_so(
    api: TaskAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MOST_AT_ONCE", 2)
    ids = await make(api, 5)

    answers = [await send(api, "delete", filter={}) for _ in range(3)]

    assert [(each["changed"], each["has_more"]) for each in answers] == [
        (ids[:2], True),
        (ids[2:4], True),
        (ids[4:], False),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "complete"}, "body"),
        ({"action": "complete", "ids": [NOBODYS], "filter": {}}, "body"),
        ({"action": "complete", "ids": [NOBODYS], "filter": None}, "body"),
        ({"action": "complete", "ids": []}, "body.ids"),
        ({"action": "complete", "ids": [NOBODYS] * 1001}, "body.ids"),
        ({"action": "complete", "ids": ["x"]}, "body.ids.0"),
        ({"action": "burn", "ids": [NOBODYS]}, "body.action"),
        ({"action": "restore", "filter": {}}, "body"),
        ({"action": "delete", "filter": {"compleded": True}}, "body.filter.compleded"),
        ({"action": "delete", "filter": {"sort": "title"}}, "body.filter.sort"),
    ],
)
async def test_what_is_no_bulk_is_refused(api: TaskAPI, body: Json, field: str) -> None:
    assert list(await api.field_faults("POST", "/tasks/bulk", json=body)) == [field]


async def test_the_same_key_gets_the_same_answer_and_does_nothing_twice(api: TaskAPI) -> None:
    await make(api, 2)
    request: dict[str, Any] = {
        "json": {"action": "delete", "filter": {"completed": False}},
        "headers": {"Idempotency-Key": "x"},
    }
    first = await api.send("POST", "/tasks/bulk", **request)
    await make(api, 1)

    second = await api.send("POST", "/tasks/bulk", **request)

    assert (second.status_code, second.json()) == (200, first.json())
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Location" not in second.headers
    assert len(await api.titles()) == 1


@pytest.mark.wellhead(commit=True)
async def test_two_at_once_do_not_block_each_other_for_ever(
    api: TaskAPI, database: Database
) -> None:
    ids = await make(api, 20)

    await asyncio.gather(
        *(send(api, action, ids=order) for action in ("complete", "reopen")
          for order in (ids, ids[::-1]))
    )  # fmt: skip

    assert database.run_stats().retried == {}


@pytest.mark.wellhead(commit=True)
async def test_a_task_that_is_changed_meanwhile_is_judged_as_it_is_then(
    api: TaskAPI, server: Connection
) -> None:
    done, gone, left = await make(api, 3)
    rival = server.transaction()
    await rival.start()
    await server.execute("UPDATE tasks SET completed_at = now() WHERE id = $1", done)
    await server.execute("DELETE FROM tasks WHERE id = $1", gone)

    sending = asyncio.create_task(send(api, "complete", ids=[done, gone, left]))
    await until_somebody_waits(server)
    await rival.commit()

    assert await sending == {
        "changed": [left],
        "unchanged": [done],
        "not_found": [gone],
        "has_more": False,
    }


@pytest.mark.wellhead(commit=True)
async def test_a_follower_sees_what_was_done_to_many(api: TaskAPI) -> None:
    ids = await make(api, 5, tags=["a"])
    follower = Follower(api)
    await follower.catch_up()

    await send(api, "complete", ids=ids[:2])
    await send(api, "delete", ids=ids[2:])
    await follower.catch_up()

    await follower.assert_in_step()


class TestOnTheWire:
    """What it costs."""

    @pytest.fixture
    def database(self, proxied_database: Database) -> Database:
        return proxied_database

    @pytest.mark.wellhead(commit=True)
    async def test_120_tasks_are_completed_in_one_round_trip(
        self, api: TaskAPI, proxy: TCPProxy
    ) -> None:
        for _ in range(3):
            ids = await make(api, 120)
            proxy.reset()
            answer = await send(api, "complete", ids=ids)
            assert answer["changed"] == ids

        assert proxy.round_trips == 1
