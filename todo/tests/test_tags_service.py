"""Tags that two requests reach for at once."""

import asyncio

import pytest
from httpx2 import AsyncClient
from staged import StagedAccount
from task_api import TaskAPI


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


async def test_of_two_new_tags_of_one_name_exactly_one_is_made(api: TaskAPI) -> None:
    for number in range(5):
        answers = await asyncio.gather(
            *(
                api.send("POST", "/tags", json={"name": name})
                for name in (f"Work {number}", f"WORK {number}")
            )
        )
        assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_of_two_renames_to_one_name_exactly_one_is_made(api: TaskAPI) -> None:
    first, second = await api.tag("first"), await api.tag("second")
    answers = await asyncio.gather(
        *(
            api.send("PATCH", f"/tags/{tag['id']}", json={"name": name})
            for tag, name in ((first, "Work"), (second, "WORK"))
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_two_tags_that_swap_names_do_not_both_fail(api: TaskAPI) -> None:
    first, second = await api.tag("first"), await api.tag("second")
    answers = await asyncio.gather(
        api.send("PATCH", f"/tags/{first['id']}", json={"name": "other"}),
        api.send("PATCH", f"/tags/{second['id']}", json={"name": "first"}),
    )

    assert answers[0].status_code == 200
    assert answers[1].status_code in {200, 409}


async def test_of_many_changes_on_one_etag_exactly_one_is_made(api: TaskAPI) -> None:
    tag = await api.tag("old")
    path = f"/tags/{tag['id']}"
    answers = await asyncio.gather(
        *(
            api.send("PATCH", path, json={"name": f"new {number}"}, if_match=tag["etag"])
            for number in range(6)
        )
    )
    winners = [answer.json() for answer in answers if answer.status_code == 200]

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 5
    assert winners == [await api.expect(200, "GET", path)]


async def test_a_tag_that_is_deleted_while_it_is_attached_is_attached_or_not_found(
    api: TaskAPI,
) -> None:
    task = await api.task()
    for _ in range(5):
        tag = await api.tag("brief")
        attached, deleted = await asyncio.gather(
            api.send("PUT", f"/tags/{tag['id']}/tasks/{task['id']}"),
            api.send("DELETE", f"/tags/{tag['id']}"),
        )
        assert attached.status_code in {200, 404}
        assert deleted.status_code == 204
        assert (await api.expect(200, "GET", f"/tasks/{task['id']}"))["tags"] == []
