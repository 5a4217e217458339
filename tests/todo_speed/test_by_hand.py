"""The hand-written application responds to the same requests in the same words as the Todo API.

Ids, times and the text of an `ETag` are each one's own; so is how a fault of a field is put.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import jwt
import pytest

from bench.faults.todo_service import KEY
from bench.todo_speed.by_hand import access, application
from tests.staging.given import Postgres
from tests.todo_speed.both import OF_ITS_OWN, Both, assert_alike, common, read, serve, told
from wellhead.testing.proxy import TCPProxy

_NOTHING = object()


async def test_a_task_is_read_alike(both: Both) -> None:
    for more in (
        {},
        {"tags": ["work", "Äpfel", "zoo"], "completed": True, "priority": "urgent"},
        {"description": "Two\nlines", "due_date": "2030-01-31T17:00:00.5+01:00"},
    ):
        path = await both.task(**more)
        todo, by_hand = [(await client.get(path)) for client in both.clients]

        assert told(by_hand) == told(todo)
        assert read(by_hand.json()) == read(todo.json())


async def test_a_list_is_read_alike_to_its_end(both: Both) -> None:
    for number in range(5):
        await both.task(title=f"Task {number}", tags=["work", f"tag {number}"])
    assert_alike(await both.ask("GET", both.tasks))

    pages: list[list[Any]] = []
    for client in both.clients:
        pages.append([])
        query: dict[str, Any] = {"limit": 2}
        while True:
            page = await client.get(both.tasks, params=query)
            pages[-1].append((told(page), [each["id"] for each in page.json()["items"]]))
            cursor = page.json()["next_cursor"]
            if cursor is None:
                break
            query["cursor"] = cursor

    assert pages[0] == pages[1]
    assert [len(ids) for _, ids in pages[0]] == [2, 2, 1]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=two", "limit=2&more=1", "cursor=bm90IG9uZQ", "limit=100"],
)
async def test_a_query_is_checked_alike(both: Both, query: str) -> None:
    assert_alike(await both.ask("GET", f"{both.tasks}?{query}"))


async def test_a_task_is_created_alike(both: Both) -> None:
    """The second time all its tags exist, in another case."""
    for body in (
        {"title": "Plants"},
        {"title": "  Plants ", "tags": ["Work", "work ", "häuslich", "a"], "description": ""},
        {"title": "Plants", "tags": ["WORK", "HÄUSLICH", "new"], "completed": True},
        {"title": "Plants", "due_date": "2030-01-31t17:00:00-02:30", "priority": "low"},
        {"title": "Plants", "due_date": "2030-01-31"},
        {"title": "p" * 200, "description": None, "due_date": None, "completed": False},
    ):
        todo, by_hand = await both.ask("POST", both.tasks, json=body)

        assert todo["status"] == 201
        assert by_hand == todo
    todos, by_hands = [(await client.get(both.tasks)).json()["items"] for client in both.clients]
    assert list(map(read, todos)) == list(map(read, by_hands))
    assert [common(each) for each in todos[::2]] == [common(each) for each in todos[1::2]]


GOOD = {"title": "Plants"}
BAD_BODIES: list[Any] = [
    {},
    [],
    None,
    "text",
    {"title": ""},
    {"title": " "},
    {"title": None},
    {"title": 1},
    {"title": "two\nlines"},
    {"title": "p" * 201},
    {**GOOD, "description": "nul \x00"},
    {**GOOD, "description": "p" * 10_001},
    {**GOOD, "priority": "none"},
    {**GOOD, "priority": 2},
    {**GOOD, "priority": None},
    {**GOOD, "due_date": "2030-01-31T17:00:00"},
    {**GOOD, "due_date": "2030-02-31"},
    {**GOOD, "due_date": 1},
    {**GOOD, "due_date": "2030-02-31T17:00:00Z"},
    {**GOOD, "due_date": "9999-12-31T17:00:00Z"},
    {**GOOD, "completed": "true"},
    {**GOOD, "completed": 1},
    {**GOOD, "tags": "work"},
    {**GOOD, "tags": [""]},
    {**GOOD, "tags": ["a\tb"]},
    {**GOOD, "tags": ["p" * 51]},
    {**GOOD, "tags": [1, None]},
    {**GOOD, "tags": [f"tag {number}" for number in range(21)]},
    {**GOOD, "position": "5"},
    {"title": "", "priority": "none", "more": 1},
]


async def test_a_body_that_is_not_valid_is_refused_alike(both: Both) -> None:
    for body in BAD_BODIES:
        todo, by_hand = await both.ask("POST", both.tasks, json=body)

        assert todo["status"] == 422, body
        assert by_hand == todo, body
    for content in (b"", b"{", b'{"title": "a",}'):
        headers = {"Content-Type": "application/json"}
        assert_alike(await both.ask("POST", both.tasks, content=content, headers=headers))


@pytest.mark.parametrize(
    "bodies",
    [
        [{"completed": True}, {"completed": True}, {"completed": False}, {"completed": False}],
        [_NOTHING, {}, {"completed": False}],
        [{"completed": None}, {"completed": "yes"}, {"more": 1}, []],
    ],
)
async def test_a_task_is_completed_alike(both: Both, bodies: list[Any]) -> None:
    """Each on a task of its own; its `ETag` and its times change with the same requests."""
    seen: list[list[Any]] = []
    for client in both.clients:
        path = await both.task(tags=["work", "home"])
        before = (await client.get(path)).json()
        seen.append([])
        for body in bodies:
            given = {} if body is _NOTHING else {"json": body}
            response = await client.patch(f"{path}/complete", **given)
            now = (await client.get(path)).json()
            changed = {name for name in OF_ITS_OWN if now[name] != before[name]}
            seen[-1].append((told(response), changed))
            before = now

    assert seen[1] == seen[0]


async def test_what_is_not_there_is_refused_alike(both: Both) -> None:
    for method, path in (
        ("GET", f"{both.tasks}/{uuid4()}"),
        ("PATCH", f"{both.tasks}/{uuid4()}/complete"),
        ("GET", f"{both.tasks}/none"),
        ("PATCH", f"{both.tasks}/none/complete"),
        ("GET", "/api/none/tasks"),
        ("POST", f"/api/{uuid4()}/tasks"),
    ):
        assert_alike(await both.ask(method, path))


async def test_somebody_elses_path_is_refused_alike(both: Both) -> None:
    theirs = f"/api/{uuid4()}/tasks"
    for method, path in (
        ("GET", theirs),
        ("POST", theirs),
        ("GET", f"{theirs}/{uuid4()}"),
        ("PATCH", f"{theirs}/{uuid4()}/complete"),
    ):
        todo, by_hand = await both.ask(method, path, json=GOOD if method == "POST" else None)

        assert (todo["status"], by_hand) == (403, todo)


async def test_a_token_is_checked_alike(both: Both) -> None:
    claims = jwt.decode(both.tokens["access_token"], options={"verify_signature": False})
    key, past = KEY, int(time.time()) - 10

    def signed(key: str = key, kind: str = "at+jwt", **more: Any) -> str:
        changed = {name: value for name, value in (claims | more).items() if value is not None}
        return jwt.encode(changed, key, algorithm="HS256", headers={"typ": kind})

    for value, status in (
        (f"Bearer {signed()}", 200),
        (f"bearer {signed()}", 200),
        ("", 401),
        ("Bearer", 401),
        ("Basic YTpi", 401),
        ("Bearer a.b.c", 401),
        (f"Bearer {signed(key[::-1])}", 401),
        (f"Bearer {signed(exp=past)}", 401),
        (f"Bearer {signed(aud='others')}", 401),
        (f"Bearer {signed(aud=['todo-api'])}", 401),
        (f"Bearer {signed(iss='others')}", 401),
        (f"Bearer {signed(sub='nobody')}", 401),
        (f"Bearer {signed(sid='none')}", 401),
        (f"Bearer {signed(jti=None)}", 401),
        (f"Bearer {signed(kind='JWT')}", 401),
        (f"Bearer {both.tokens['refresh_token']}", 401),
    ):
        todo, by_hand = await both.ask("GET", both.tasks, headers={"Authorization": value})

        assert todo["status"] == status, value
        assert by_hand == todo, value


async def test_without_a_token_it_is_refused_alike(both: Both) -> None:
    for client in both.clients:
        del client.headers["Authorization"]
    for method, path in (("GET", both.tasks), ("POST", both.tasks)):
        todo, by_hand = await both.ask(method, path)

        assert (todo["status"], by_hand) == (401, todo)


async def test_an_account_that_is_gone_is_told_alike(both: Both, url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("DELETE FROM users")
    await connection.close()
    for body in (GOOD, {**GOOD, "tags": ["work"]}):
        todo, by_hand = await both.ask("POST", both.tasks, json=body)

        assert (todo["status"], by_hand) == (401, todo)


async def test_health_is_told_alike(both: Both) -> None:
    todo, by_hand = await both.ask("GET", "/health")

    assert (todo["status"], by_hand["status"]) == (200, 200)
    assert by_hand["body"].keys() == todo["body"].keys()


async def test_tags_that_many_make_at_once_are_made_once(both: Both) -> None:
    names = ["a", "b", "c", "d"]

    async def create(number: int) -> list[str]:
        tags = names[number % 4 :] + names[: number % 4]
        response = await both.by_hand.post(both.tasks, json={**GOOD, "tags": tags})
        assert response.status_code == 201, response.text
        return [tag["id"] for tag in response.json()["tags"]]

    first, *others = await asyncio.gather(*(create(number) for number in range(24)))

    assert others == [first] * 23


async def test_every_request_is_one_round_trip(
    url: str, postgres: Postgres, proxy: TCPProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxied = url.replace(f":{postgres.port}/", f":{proxy.port}/")
    monkeypatch.setenv("DATABASE_URL", proxied)
    async with AsyncExitStack() as stack:
        client = await serve(application.create_app(), stack)
        user_id = await somebody(url)
        client.headers["Authorization"] = f"Bearer {token_of(user_id)}"
        tasks = f"/api/{user_id}/tasks"
        created = await client.post(tasks, json={**GOOD, "tags": ["work"]})
        path = f"{tasks}/{created.json()['id']}"
        requests: list[tuple[str, str, Any]] = [
            ("POST", tasks, {**GOOD, "tags": ["work", "new"]}),
            ("GET", path, None),
            ("GET", tasks, None),
            ("PATCH", f"{path}/complete", {}),
            ("GET", f"{tasks}?q=plan", None),
            ("GET", f"{tasks}/counts", None),
            ("GET", f"/api/{user_id}/changes", None),
            ("POST", f"{tasks}/bulk", {"action": "complete", "ids": [path.rpartition("/")[2]]}),
        ]
        counted = []
        for method, target, body in 2 * requests:
            proxy.reset()
            response = await client.request(method, target, json=body)
            assert response.is_success, response.text
            counted.append(proxy.round_trips)

    # The first time a statement is prepared.
    assert counted[len(requests) :] == [1] * len(requests)


async def somebody(url: str) -> UUID:
    """An account that was not registered."""
    connection = await asyncpg.connect(url)
    user_id = uuid4()
    await connection.execute(
        "INSERT INTO users (id, email, email_folded, password_hash, created_at, updated_at) "
        "VALUES ($1, 'somebody@example.com', 'somebody@example.com', '', now(), now())",
        user_id,
    )
    await connection.close()
    return user_id


def token_of(user_id: UUID) -> str:
    """An access token as the Todo API issues them."""
    now = int(time.time())
    claims = {
        "iss": access.ISSUER,
        "aud": access.AUDIENCE,
        "sub": str(user_id),
        "sid": str(uuid4()),
        "jti": "one",
        "iat": now,
        "exp": now + 3600,
    }
    return jwt.encode(claims, KEY, algorithm="HS256", headers={"typ": "at+jwt"})
