"""Ids that clients choose for what they create."""

import asyncio
import re
from typing import Any
from uuid import UUID, uuid1, uuid4, uuid5

import asyncpg
import pytest
from httpx2 import AsyncClient, Response
from staged import StagedAccount
from task_api import TaskAPI
from writes import Connection, rows_of, until_somebody_waits

from todo.models import new_id
from wellhead import Database
from wellhead.testing.proxy import TCPProxy

pytestmark = pytest.mark.wellhead(commit=True)

KINDS: dict[str, dict[str, Any]] = {
    "tasks": {"title": "Buy milk", "tags": ["shop"]},
    "tags": {"name": "shop"},
}
OTHERS: dict[str, dict[str, Any]] = {"tasks": {"tags": ["new"]}, "tags": {"name": "new"}}
"""What makes the same object a different one."""

RENAME = {
    "tasks": "UPDATE tasks SET id = $1 WHERE id = $2",
    "tags": "UPDATE tags SET id = $1 WHERE id = $2",
}

KIND = pytest.mark.parametrize("kind", KINDS)

TAKEN = (409, "urn:todo:id-taken")


@pytest.fixture
def database(proxied_database: Database) -> Database:
    return proxied_database


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


@pytest.fixture
def other(client: AsyncClient, other_account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, other_account)


async def create(api: TaskAPI, kind: str, chosen: object, **more: Any) -> Response:
    """Create an object under an id; `key` is the request's `Idempotency-Key`."""
    headers = {"Idempotency-Key": more.pop("key")} if "key" in more else {}
    body = {"id": str(chosen), **KINDS[kind], **more}
    return await api.send("POST", f"/{kind}", json=body, headers=headers)


def problem_of(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


@KIND
@pytest.mark.parametrize("chosen", [uuid4(), new_id()])
async def test_an_object_has_the_id_that_its_client_has_chosen(
    api: TaskAPI, kind: str, chosen: UUID
) -> None:
    created = await create(api, kind, str(chosen).upper())
    read = await api.send("GET", f"/{kind}/{chosen}")

    assert created.status_code == 201, created.text
    assert created.headers["Location"] == f"/api/{api.account.id}/{kind}/{chosen}"
    assert created.json()["id"] == str(chosen)
    assert read.json() == created.json()


@KIND
async def test_null_leaves_the_choice_to_the_server(api: TaskAPI, kind: str) -> None:
    created = await api.expect(201, "POST", f"/{kind}", json={**KINDS[kind], "id": None})

    assert UUID(created["id"]).version == 7


@KIND
@pytest.mark.parametrize(
    "chosen",
    [
        UUID(int=0),
        UUID(int=2**128 - 1),
        uuid1(),
        uuid5(uuid4(), "milk"),
        uuid4().hex,
        uuid4().urn,
        f"{{{uuid4()}}}",
        f"{uuid4()}\n",
        "",
        "7",
    ],
    # The workers of pytest-xdist must find the same names.
    ids=["nil", "max", "1", "5", "hex", "urn", "braces", "newline", "empty", "number"],
)
async def test_an_id_that_another_client_might_choose_is_refused(
    api: TaskAPI, kind: str, chosen: object
) -> None:
    body = {**KINDS[kind], "id": str(chosen)}

    faults = await api.field_faults("POST", f"/{kind}", json=body)

    assert list(faults) == ["body.id"]
    assert faults["body.id"].startswith("Must be a UUID of version 4 or 7")


@KIND
async def test_a_taken_id_is_refused_and_nothing_is_written(
    api: TaskAPI, other: TaskAPI, server: Connection, kind: str
) -> None:
    mine, deleted, foreign, foreign_deleted = (uuid4() for _ in range(4))
    made = [
        await create(owner, kind, chosen, **({"name": str(chosen)} if kind == "tags" else {}))
        for owner, chosen in (
            (api, mine), (api, deleted), (other, foreign), (other, foreign_deleted)
        )
    ]  # fmt: skip
    await api.expect(204, "DELETE", f"/{kind}/{deleted}")
    await other.expect(204, "DELETE", f"/{kind}/{foreign_deleted}")
    before = await rows_of(server)

    refused = [
        await create(api, kind, chosen, **OTHERS[kind])
        for chosen in (mine, deleted, foreign, foreign_deleted)
    ]

    assert {answer.status_code for answer in made} == {201}
    assert {problem_of(answer) for answer in refused} == {TAKEN}
    assert len({answer.content for answer in refused}) == 1
    assert await rows_of(server) == before


async def test_a_deleted_task_comes_back_under_its_id(api: TaskAPI) -> None:
    chosen = uuid4()
    await create(api, "tasks", chosen)
    await api.expect(204, "DELETE", f"/tasks/{chosen}")

    assert problem_of(await create(api, "tasks", chosen)) == TAKEN
    restored = await api.expect(200, "POST", f"/tasks/{chosen}/restore")
    assert restored["id"] == str(chosen)


@KIND
async def test_a_key_gets_the_first_answer_again(api: TaskAPI, kind: str) -> None:
    chosen = uuid4()
    first = await create(api, kind, chosen, key="once")
    again = await create(api, kind, chosen, key="once")
    reused = await create(api, kind, uuid4(), key="once")

    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert problem_of(reused) == (422, "urn:todo:idempotency-key-reused")
    assert problem_of(await create(api, kind, chosen, key="another")) == TAKEN


@KIND
async def test_an_id_that_is_taken_meanwhile_is_refused_and_nothing_is_written(
    api: TaskAPI, server: Connection, wellhead_url: str, kind: str
) -> None:
    chosen, rival = uuid4(), await asyncpg.connect(wellhead_url)
    first = (await (api.task() if kind == "tasks" else api.tag()))["id"]
    before = await rows_of(server)
    hold = rival.transaction()
    await hold.start()
    await rival.execute(RENAME[kind], chosen, UUID(first))

    second = asyncio.create_task(create(api, kind, chosen, **OTHERS[kind]))
    await until_somebody_waits(server)
    await hold.commit()

    assert problem_of(await second) == TAKEN
    assert await rows_of(server) == before
    await rival.close()


@KIND
@pytest.mark.parametrize("passes", [True, False])
@pytest.mark.parametrize("keys", [{}, {"key": "once"}])
async def test_a_creation_without_a_reply_finds_its_own_row(
    api: TaskAPI,
    server: Connection,
    database: Database,
    proxy: TCPProxy,
    kind: str,
    keys: dict[str, str],
    *,
    passes: bool,
) -> None:
    chosen = uuid4()
    before = await rows_of(server)
    broken = proxy.break_at(re.escape(chosen.bytes), passes=passes)

    created = await create(api, kind, chosen, **keys)

    assert broken.is_set()
    assert database.run_stats().unknown == 1
    assert created.status_code == 201, created.text
    assert created.json()["id"] == str(chosen)
    assert "Idempotency-Replayed" not in created.headers
    assert (await rows_of(server))[kind] == before[kind] + 1


@KIND
@pytest.mark.parametrize("passes", [True, False])
async def test_a_taken_id_is_refused_even_if_the_first_refusal_was_lost(
    api: TaskAPI, proxy: TCPProxy, kind: str, *, passes: bool
) -> None:
    chosen = uuid4()
    await create(api, kind, chosen)
    broken = proxy.break_at(re.escape(chosen.bytes), passes=passes)

    refused = await create(api, kind, chosen)

    assert broken.is_set()
    assert problem_of(refused) == TAKEN


@KIND
async def test_a_chosen_id_costs_no_round_trip(api: TaskAPI, proxy: TCPProxy, kind: str) -> None:
    trips = []
    for number in range(3):
        more = {"name": f"{number}"} if kind == "tags" else {}
        chosen = uuid4()
        for expected in (201, 409):
            proxy.reset()
            assert (await create(api, kind, chosen, **more)).status_code == expected
            trips.append(proxy.round_trips)

    assert trips[-2:] == [1, 1]
