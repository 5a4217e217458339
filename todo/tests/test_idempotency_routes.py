"""`Idempotency-Key` over HTTP: what comes again, what is refused, and what is not kept."""

import asyncio

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from staged import PASSWORD, StagedAccount
from task_api import TaskAPI
from writes import (
    KEYED,
    SAME_TAG,
    WRITES,
    Connection,
    World,
    done_by,
    rows_of,
    seen,
    until_somebody_waits,
)

from tests.staging.server import serve

KEY = "7f1d2b3c-0000-4000-8000-5f6e7d8c9b0a"
UNKEYED = tuple(route for route in WRITES if route.startswith("POST ") and route not in KEYED)


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


def keyed(key: str = KEY) -> dict[str, str]:
    return {"Idempotency-Key": key}


def problem_of(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


async def register(client: AsyncClient, email: str, *, key: str = KEY) -> Response:
    account = {"email": email, "password": PASSWORD}
    return await client.post("/api/auth/register", json=account, headers=keyed(key))


@pytest.mark.parametrize("route", KEYED)
async def test_a_first_answer_is_the_same_with_a_key_as_without(
    app: FastAPI, client: AsyncClient, server: Connection, route: str
) -> None:
    without, rows = await done_by(await World.make(app, client), server, route)
    with_key, keyed_rows = await done_by(await World.make(app, client), server, route, **keyed())

    assert with_key == without
    assert keyed_rows == {**rows, "idempotency_keys": 1}


@pytest.mark.parametrize("route", KEYED)
async def test_the_same_request_gets_the_first_answer_and_does_nothing(
    app: FastAPI, client: AsyncClient, server: Connection, route: str
) -> None:
    world = await World.make(app, client)
    body = WRITES[route](world)
    address = route.split()[1].format(user_id=world.account.id)
    headers = {**world.account.headers, **keyed()}
    first = await client.post(address, **body, headers=headers)
    before = await rows_of(server)

    second = await client.post(address, **body, headers=headers)

    after = await rows_of(server)
    assert (second.status_code, second.content) == (first.status_code, first.content)
    for name in ("Location", "ETag", "Content-Type"):
        assert second.headers.get(name) == first.headers.get(name)
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert {**after, "hits": 0} == {**before, "hits": 0}


@pytest.mark.parametrize("route", [route for route in KEYED if "{user_id}" in route])
async def test_the_same_request_to_me_is_the_same_request(
    app: FastAPI, client: AsyncClient, route: str
) -> None:
    world = await World.make(app, client)
    body = WRITES[route](world)
    headers = {**world.account.headers, **keyed()}
    addresses = [
        route.split()[1].format(user_id=user_id)
        for user_id in (world.account.id, "me", str(world.account.id).upper(), "me")
    ]

    answers = [await client.post(address, **body, headers=headers) for address in addresses]

    assert answers[0].is_success, answers[0].text
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert ["Idempotency-Replayed" in answer.headers for answer in answers] == [
        False, True, True, True
    ]  # fmt: skip


@pytest.mark.parametrize("route", KEYED)
async def test_another_body_under_the_same_key_is_refused(
    app: FastAPI, client: AsyncClient, server: Connection, route: str
) -> None:
    world = await World.make(app, client)
    await world.send(route, **keyed())
    before = await rows_of(server)
    method, path = route.split()
    name, value = {
        "tasks": ("title", "another"),
        "bulk": ("action", "reopen"),
        "import": ("tasks", []),
    }.get(path.rsplit("/", 1)[1], ("name", "another"))
    body = {**WRITES[route](world)["json"], name: value}

    answer = await client.request(
        method,
        path.format(user_id=world.account.id),
        json=body,
        headers={**world.account.headers, **keyed()},
    )

    assert problem_of(answer) == (422, "urn:todo:idempotency-key-reused")
    assert {**await rows_of(server), "hits": 0} == {**before, "hits": 0}


async def test_another_password_is_another_request(client: AsyncClient) -> None:
    account = {"email": "ada@example.com", "password": PASSWORD}
    await client.post("/api/auth/register", json=account, headers=keyed())

    guessed = {**account, "password": "a guess at her password"}
    answer = await client.post("/api/auth/register", json=guessed, headers=keyed())

    assert problem_of(answer) == (422, "urn:todo:idempotency-key-reused")


async def test_another_route_under_the_same_key_is_refused(api: TaskAPI) -> None:
    await api.task(key=KEY)

    answer = await api.send("POST", "/tags", json={"name": "home"}, headers=keyed())

    assert problem_of(answer) == (422, "urn:todo:idempotency-key-reused")


async def test_a_request_that_is_written_differently_is_the_same(api: TaskAPI) -> None:
    json = {"Content-Type": "application/json", **keyed()}
    first = b'{"title": "Buy milk", "tags": ["a"]}'
    second = b'{ "tags":["a"],"title" : "Buy mil\\u006b" }'

    answers = [
        await api.send("POST", "/tasks", content=body, headers=json) for body in (first, second)
    ]

    assert answers[0].content == answers[1].content
    assert answers[1].headers["Idempotency-Replayed"] == "true"


async def test_a_key_is_the_same_with_quotes_as_the_draft_has_it_and_without(api: TaskAPI) -> None:
    first = await api.task(key="abc")

    assert await api.task(key='"abc"') == first


async def test_the_same_key_of_somebody_else_is_another_one(
    client: AsyncClient, account: StagedAccount, other_account: StagedAccount
) -> None:
    first = await TaskAPI(client, account).task(key=KEY)

    assert (await TaskAPI(client, other_account).task(key=KEY))["id"] != first["id"]


async def test_who_is_not_logged_in_shares_no_key_with_who_is(
    client: AsyncClient, api: TaskAPI
) -> None:
    await api.task(key=KEY)

    assert (await register(client, "ada@example.com")).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "tab\tbed", "\x7f", "é"])
async def test_a_key_that_is_none_is_refused(api: TaskAPI, server: Connection, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}

    faults = await api.field_faults("POST", "/tasks", json={"title": "x"}, headers=headers)

    assert list(faults) == ["header.idempotency-key"]
    assert await server.fetchval("SELECT count(*) FROM tasks") == 0


@pytest.mark.parametrize("key", ["x", "x" * 255, "two words", '"', '""', "~!"])
async def test_every_printable_key_is_one(api: TaskAPI, key: str) -> None:
    first = await api.task(key=key)

    assert await api.task(key=key) == first


async def test_two_keys_are_refused(client: AsyncClient, account: StagedAccount) -> None:
    headers = [*account.headers.items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]

    answer = await client.post(f"/api/{account.id}/tasks", json={"title": "x"}, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["detail"] == "Idempotency-Key must be sent once."


async def test_a_refusal_is_not_kept(api: TaskAPI, server: Connection) -> None:
    taken = await api.tag("home")
    refused = await api.send("POST", "/tags", json={"name": "home"}, headers=keyed())
    kept = await server.fetchval("SELECT count(*) FROM idempotency_keys")
    await api.expect(204, "DELETE", f"/tags/{taken['id']}")

    answer = await api.send("POST", "/tags", json={"name": "home"}, headers=keyed())

    assert (refused.status_code, kept) == (409, 0)
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers


async def test_work_that_fails_leaves_no_key(api: TaskAPI, server: Connection) -> None:
    await server.execute("ALTER TABLE tasks ADD CHECK (title <> 'Refused') NOT VALID")

    await api.expect(422, "POST", "/tasks", json={"title": "Refused"}, headers=keyed())

    assert await server.fetchval("SELECT count(*) FROM idempotency_keys") == 0
    await api.task("Allowed", key=KEY)


async def test_a_key_that_has_expired_is_a_new_one(api: TaskAPI, server: Connection) -> None:
    first = await api.task(key=KEY)
    await server.execute("UPDATE idempotency_keys SET expires_at = now()")

    second = await api.task("Another one", key=KEY)

    assert second["id"] != first["id"]
    assert await api.task("Another one", key=KEY) == second
    assert await server.fetchval("SELECT count(*) FROM idempotency_keys") == 1


async def test_a_key_lasts_as_long_as_the_settings_say(
    app: FastAPI, api: TaskAPI, server: Connection
) -> None:
    await api.task(key=KEY)

    lifetime = await server.fetchval("SELECT expires_at - created_at FROM idempotency_keys")
    assert lifetime == app.state.idempotency.lifetime
    assert lifetime.total_seconds() == 24 * 3600


@pytest.mark.wellhead(commit=True)
async def test_while_the_first_is_worked_on_the_second_is_refused_at_once(
    api: TaskAPI, server: Connection
) -> None:
    hold = server.transaction()
    await hold.start()
    await server.execute(SAME_TAG, api.account.id)
    first = asyncio.create_task(api.task(tags=["new"], key=KEY))
    await until_somebody_waits(server)

    async with asyncio.timeout(30):  # Who waits for the first would wait for ever.
        body = {"title": "Buy milk", "tags": ["new"]}
        second = await api.send("POST", "/tasks", json=body, headers=keyed())

    assert not first.done()
    assert problem_of(second) == (409, "urn:todo:idempotency-key-in-use")
    assert second.headers["Retry-After"] == "1"
    await hold.rollback()
    made = await first
    assert await api.task(tags=["new"], key=KEY) == made


@pytest.mark.parametrize("route", KEYED)
async def test_of_many_at_once_one_is_done(app: FastAPI, server: Connection, route: str) -> None:
    async with (
        serve(app) as base_url,
        AsyncClient(base_url=base_url, timeout=240, verify=False) as client,
    ):
        # The first that counts the address of its client adds a row.
        for _ in range(2):
            _, once = await done_by(await World.make(app, client), server, route)
        world = await World.make(app, client)
        before = await rows_of(server)
        body = WRITES[route](world)
        address = route.split()[1].format(user_id=world.account.id)
        headers = {**world.account.headers, **keyed()}

        answers = await asyncio.gather(
            *(client.post(address, **body, headers=headers) for _ in range(12))
        )

    after = await rows_of(server)
    firsts = [
        answer
        for answer in answers
        if answer.is_success and "Idempotency-Replayed" not in answer.headers
    ]
    others = [answer for answer in answers if answer not in firsts]
    assert len(firsts) == 1
    for answer in others:
        is_replay = answer.content == firsts[0].content
        assert is_replay or problem_of(answer) == (409, "urn:todo:idempotency-key-in-use")
    done = {name: after[name] - before[name] for name in after}
    assert {**done, "hits": 0} == {**once, "hits": 0, "idempotency_keys": 1}


@pytest.mark.parametrize("route", UNKEYED)
async def test_where_the_answer_would_be_a_secret_a_key_means_nothing(
    app: FastAPI, client: AsyncClient, server: Connection, route: str
) -> None:
    expected = await done_by(await World.make(app, client), server, route)

    assert await done_by(await World.make(app, client), server, route, **keyed()) == expected
    assert await done_by(await World.make(app, client), server, route, **keyed("")) == expected
    assert await server.fetchval("SELECT count(*) FROM idempotency_keys") == 0


async def test_what_is_kept_holds_no_secret_and_no_key(
    app: FastAPI, client: AsyncClient, server: Connection
) -> None:
    world = await World.make(app, client)
    for number, route in enumerate(route for route in WRITES if route.startswith("POST ")):
        await world.send(route, **keyed(f"secret-key-{number}"))
    await register(client, "ada@example.com", key="secret-key-of-ada")

    rows = await server.fetch("SELECT * FROM idempotency_keys")

    assert len(rows) == len(KEYED) + 1
    text = " ".join(str(value) for row in rows for value in row.values())
    for secret in (PASSWORD, "secret-key", "eyJ", "argon2"):
        assert secret not in text


async def test_what_is_kept_goes_with_the_account(
    app: FastAPI, client: AsyncClient, server: Connection
) -> None:
    world = await World.make(app, client)
    await world.send("POST /api/{user_id}/tasks", **keyed())

    answer = await world.send("POST /api/auth/delete-account")

    assert seen(answer)[0] == 204
    assert await server.fetchval("SELECT count(*) FROM idempotency_keys") == 0


async def test_a_browser_may_read_whether_an_answer_is_the_first(
    client: AsyncClient, account: StagedAccount
) -> None:
    headers = {**account.headers, "Origin": "http://localhost:3000"}

    answer = await client.post(f"/api/{account.id}/tasks", json={"title": "x"}, headers=headers)

    assert "Idempotency-Replayed" in answer.headers["Access-Control-Expose-Headers"]
