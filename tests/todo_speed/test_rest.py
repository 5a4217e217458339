"""What the routes about many tasks call, next to those about one, and what is used up by them."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from bench.todo_speed.by_hand import application
from bench.todo_speed.calls import counted
from bench.todo_speed.data import Data
from bench.todo_speed.person import Person
from bench.todo_speed.requests import Requests
from bench.todo_speed.rest import SHARED
from bench.todo_speed.result import REST
from bench.todo_speed.routes import CHANGES_AFTER, REFRESH, RESTORE, ROUTES
from bench.todo_speed.supplies import API_TOKENS_EACH, LOGINS_EACH, Supplies
from tests.todo_speed.both import Both
from todo.main import create_app


@pytest.fixture
async def connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.fixture
async def by(both: Both, connection: asyncpg.Connection) -> Requests:
    """A user with 250 tasks, who has read everything."""
    user_id = UUID(both.user_id)
    data = Data(connection, user_id)
    await data.fill(1000, 250)
    person = Person(user_id, "", "", both.tokens["access_token"])
    return Requests(person, await data.task_ids(), await everything_read(both))


@pytest.fixture
async def supplies(by: Requests, connection: asyncpg.Connection) -> Supplies:
    supplies = Supplies(connection, by.person.id)
    await supplies.fill()
    return supplies


async def everything_read(both: Both) -> str:
    query: dict[str, str] = {}
    while True:
        page = (await both.todo.get(f"/api/{both.user_id}/changes", params=query)).json()
        query = {"since": page["next_since"]}
        if not page["has_more"]:
            return str(page["next_since"])


async def test_many_tasks_cost_far_less_than_many_requests(
    by: Requests, supplies: Supplies
) -> None:
    by.deleted_ids = await supplies.delete_tasks(50)
    operations = [each for each in REST.operations if each != REFRESH]
    calls = await counted(create_app(), {each: ROUTES[each].requests(by) for each in operations})

    # Reading the ids, and for an import the tasks, is what grows with their number.
    assert calls["bulk"] < 2 * calls["complete"]
    assert calls["import"] < 15 * calls["create"]
    # The server writes the documents.
    for operation in ("counts", "changes", CHANGES_AFTER):
        assert calls[operation] < calls["one"] + 150
    assert calls["logins"] < calls["list"]
    assert calls["with_api_token"] < calls["one"] + 200
    assert max(calls["position"], calls[RESTORE], calls["me"]) < 1.2 * calls["complete"]


async def test_the_todo_api_calls_no_more_than_the_application_by_hand(by: Requests) -> None:
    asked = {each: ROUTES[each].requests(by) for each in SHARED if each != CHANGES_AFTER}
    todo = await counted(create_app(), asked)
    by_hand = await counted(application.create_app(), asked)

    assert todo.keys() == by_hand.keys()
    assert all(todo[each] < by_hand[each] for each in asked)


async def test_a_request_that_fails_is_not_counted(by: Requests) -> None:
    asked = {"one": [by.message("GET", f"{by.tasks}/{UUID(int=0)}")]}
    with pytest.raises(ValueError, match=": 404"):
        await counted(create_app(), asked)


async def test_what_is_used_up_comes_anew_and_is_taken_out(
    connection: asyncpg.Connection, supplies: Supplies
) -> None:
    assert len(set(await supplies.start_logins(3))) == 3
    assert len(set(await supplies.delete_tasks(3))) == 3
    kept = await connection.fetchval(
        "SELECT count(*) FROM deleted_tasks WHERE jsonb_array_length(tags) = 2"
    )
    assert kept == 3
    await supplies.clear()

    counts = [
        await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
        for table in ("logins", "api_tokens", "deleted_tasks")
    ]
    assert counts == [LOGINS_EACH, API_TOKENS_EACH, 0]
