"""The token of `since`: what it refuses, and when everything must be read again."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from following import Follower, changes_since
from httpx2 import AsyncClient
from pydantic import TypeAdapter
from staged import StagedAccount
from task_api import TaskAPI
from writes import Connection

from todo.errors import GoneError
from todo.models import new_id
from todo.paging import LONGEST_CURSOR, Position, encode_cursor
from todo.sync.service import changes
from todo.sync.token import MOST_OPEN, NOWHERE, Since, Snapshot
from wellhead import Database, DatabaseSettings

pytestmark = pytest.mark.wellhead(commit=True)

FAR = 2**40
"""A transaction that none of the tests gets to."""


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


async def fresh(api: TaskAPI) -> Since:
    found = await changes_since(api)
    return Since.decode(found["next_since"])


async def assert_gone(api: TaskAPI, since: Since) -> None:
    problem = await api.expect(410, "GET", "/changes", params={"since": since.encode()})
    assert problem["type"] == "urn:todo:read-everything"


async def test_a_token_of_another_history_is_refused(api: TaskAPI) -> None:
    since = await fresh(api)

    await assert_gone(api, replace(since, history="0" * 32))


async def test_a_token_whose_transactions_have_not_begun_is_refused(api: TaskAPI) -> None:
    since = await fresh(api)
    later = Snapshot(xmin=FAR, xmax=FAR, xip=[])

    await assert_gone(api, replace(since, seen=later))
    await assert_gone(api, replace(since, end=later))


@pytest.mark.parametrize("rewrite", ["TRUNCATE tasks CASCADE", "VACUUM FULL tasks"])
async def test_rows_that_were_put_in_anew_end_all_tokens(
    api: TaskAPI, server: Connection, rewrite: str
) -> None:
    since = await fresh(api)

    await server.execute(rewrite)

    await assert_gone(api, since)
    assert await changes_since(api)


NEON, BRANCH = "a" * 32, "b" * 32


@pytest.mark.parametrize(("before", "after"), [(None, NEON), (NEON, BRANCH), (NEON, None)], ids=str)
async def test_a_branch_of_neon_is_another_history(
    wellhead_url: str, before: str | None, after: str | None
) -> None:
    since = await read_on(wellhead_url, before)

    assert (await read_on(wellhead_url, before, since=since)).history == since.history
    with pytest.raises(GoneError):
        await read_on(wellhead_url, after, since=since)


async def test_where_the_server_names_no_branch_the_rest_tells_histories_apart(
    wellhead_url: str, server: Connection
) -> None:
    since = await read_on(wellhead_url, None)
    await server.execute("VACUUM FULL tasks")

    assert len(since.history) == len(NEON)
    with pytest.raises(GoneError):
        await read_on(wellhead_url, None, since=since)


async def read_on(url: str, timeline: str | None, *, since: Since | None = None) -> Since:
    """The token of a client that reads, on a branch of Neon if there is a timeline."""
    parts = urlsplit(url)
    options = f"options=-cneon.timeline_id%3D{timeline}" if timeline else ""
    query = "&".join(filter(None, [parts.query, options]))
    async with Database(DatabaseSettings(url=parts._replace(query=query).geturl())) as database:
        return (await changes(database, owner_id=new_id(), since=since, limit=1)).since


async def test_rows_of_another_history_come_with_the_first_read_alone(
    api: TaskAPI, server: Connection
) -> None:
    await api.task(tags=["a"])
    # As after a restore: rows are there before their triggers.
    await server.execute("ALTER TABLE tasks DISABLE TRIGGER USER")
    await server.execute("UPDATE tasks SET changed_xid = $1", FAR)
    await server.execute("ALTER TABLE tasks ENABLE TRIGGER USER")
    await server.execute("INSERT INTO deletion_horizon VALUES (1, $1)", FAR)
    follower = Follower(api)
    await follower.catch_up()
    read = follower.read

    await follower.catch_up()

    assert follower.read == read
    await follower.assert_in_step()


def longest() -> Since:
    first = 2**63 - MOST_OPEN - 1
    snapshot = Snapshot.parse(f"{first}:{2**63 - 1}:" + ",".join(map(str, range(first, 2**63 - 1))))
    return Since("f" * 32, snapshot, snapshot)


def test_the_longest_token_is_short_enough_and_read_again() -> None:
    since = longest()

    assert len(since.encode()) <= LONGEST_CURSOR
    assert Since.decode(since.encode()) == since


def test_a_snapshot_of_too_many_transactions_becomes_an_earlier_one() -> None:
    xip = list(range(10, 10 + 2 * MOST_OPEN))
    snapshot = Snapshot.parse(f"10:1000:{','.join(map(str, xip))}")

    assert snapshot == Snapshot(xmin=10, xmax=10 + MOST_OPEN, xip=xip[:MOST_OPEN])


WRONG: dict[str, Any] = {
    "xmin after xmax": {"xmin": 9, "xmax": 8, "xip": []},
    "one that is after xmax": {"xmin": 8, "xmax": 9, "xip": [9]},
    "one that is before xmin": {"xmin": 8, "xmax": 9, "xip": [7]},
    "too many": {"xmin": 0, "xmax": 1000, "xip": list(range(MOST_OPEN + 1))},
    "too large": {"xmin": 0, "xmax": 2**63, "xip": []},
    "negative": {"xmin": -1, "xmax": 1, "xip": []},
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_forged_snapshot_is_refused_by_its_form(api: TaskAPI, wrong: str) -> None:
    since = await fresh(api)
    content = {"history": since.history, "seen": WRONG[wrong], "end": None, "xid": -1}
    forged = encode_cursor(
        Position(content, NOWHERE.id), scope="changes", kind=TypeAdapter(dict[str, Any])
    )

    faults = await api.field_faults("GET", "/changes", params={"since": forged})

    assert list(faults) == ["query.since"]


async def test_a_text_that_is_no_token_is_refused(api: TaskAPI) -> None:
    token = (await changes_since(api))["next_since"]
    for text in ("", "x", token[:-1], token[1:], token + "A", "A" * (LONGEST_CURSOR + 1), "ä"):
        faults = await api.field_faults("GET", "/changes", params={"since": text})
        assert list(faults) == ["query.since"], text
