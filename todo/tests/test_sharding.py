"""Every statement of the API names its user, so that users could be spread over many databases."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from staged import add_account
from task_api import TaskAPI
from test_round_trips import COSTS
from writes import KEYED, World, headers_for

from tests.staging.given import Postgres
from todo.tables import metadata
from wellhead import Database
from wellhead.testing.framing import ClientMessages, texts_of
from wellhead.testing.proxy import TCPProxy

pytestmark = pytest.mark.wellhead(commit=True)

OWNED = {name for name, table in metadata.tables.items() if "user_id" in table.c}
BY_OWNED = {"users", "task_tags"}
"""The users themselves, and what is found by way of their tasks and tags."""

OF_NO_USER = {"invites", "invite_uses", "login_attempts", "deletion_horizon"}
"""What exists before its user does, or belongs to an address or to the whole database."""

OF_USERS = re.compile(rf"\b(?:{'|'.join(sorted(OWNED | BY_OWNED))})\b")

EXCEPTIONS = {
    "POST /api/auth/login": "users.email_folded = ",
    "POST /api/auth/refresh": "logins.id = ",
    "POST /api/auth/logout": "logins.id = ",
    "POST /api/auth/forgot-password": "users.email_folded = ",
    "POST /api/auth/reset-password": "password_resets.token_hash = ",
}
"""Routes whose client does not say who it is, and what it is found by: its address, or a secret.

A directory from these to the user's database would be asked first; the response names the user.
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement as it reached the server, with the bytes of its values."""

    text: str
    values: tuple[bytes | None, ...]

    @property
    def is_of_users(self) -> bool:
        """Whether it reads or writes a table that would be split."""
        return OF_USERS.search(self.text) is not None

    def names(self, user_id: UUID) -> bool:
        """Whether it compares the owner of something with the user, or stores it as the owner."""
        places = [n for n, value in enumerate(self.values, start=1) if value == user_id.bytes]
        return any(self._compares(place) or self._stores(place) for place in places)

    def _compares(self, place: int) -> bool:
        return re.search(rf"\b(?:user_id|users\.id) = \${place}\b", self.text) is not None

    def _stores(self, place: int) -> bool:
        is_there = re.search(rf"\${place}\b", self.text) is not None
        columns = re.findall(r"INSERT INTO (\w+) \(([^)]*)\)", self.text)
        return is_there and any(
            "user_id" in names.split(", ") or table == "users" for table, names in columns
        )


@dataclass(slots=True)
class Listener:
    """Hears the statements of one connection, and adds them to a list."""

    sent: list[Sent]
    _messages: ClientMessages = field(default_factory=ClientMessages)
    _texts: dict[bytes, str] = field(default_factory=dict)

    def hear_client(self, data: bytes) -> None:
        for kind, body in self._messages.read(data):
            if kind == b"P":
                (name, text), _ = texts_of(body, 2)
                self._texts[name] = text.decode()
            elif kind == b"B":
                (_, name), rest = texts_of(body, 2)
                self.sent.append(Sent(self._texts[name], tuple(_values(rest))))
            elif kind == b"Q":
                self.sent.append(Sent(body.partition(b"\0")[0].decode(), ()))

    def hear_server(self, data: bytes) -> None:
        pass


def _values(rest: bytes) -> Iterator[bytes | None]:
    at = 2 + 2 * int.from_bytes(rest[:2])
    count, at = int.from_bytes(rest[at : at + 2]), at + 2
    for _ in range(count):
        size, at = int.from_bytes(rest[at : at + 4], signed=True), at + 4
        yield None if size < 0 else rest[at : at + size]
        at += max(size, 0)


@pytest.fixture
def sent() -> list[Sent]:
    """What the application has sent to its database."""
    return []


@pytest.fixture
async def proxy(postgres: Postgres, sent: list[Sent]) -> AsyncIterator[TCPProxy]:
    async with TCPProxy("127.0.0.1", postgres.port, ear=lambda: Listener(sent)) as proxy:
        yield proxy


@pytest.fixture
def database(proxied_database: Database) -> Database:
    return proxied_database


def test_it_is_decided_for_each_table_whether_it_is_split_by_user() -> None:
    assert set(metadata.tables) == OWNED | BY_OWNED | OF_NO_USER


@pytest.mark.parametrize("route", [route for route in COSTS if route not in EXCEPTIONS])
async def test_each_statement_of_a_route_names_the_user(
    app: FastAPI, client: AsyncClient, sent: list[Sent], route: str
) -> None:
    world = await World.make(app, client)
    sent.clear()
    answer = await world.send(route, **(headers_for(route) if route in KEYED else {}))
    assert answer.is_success, answer.text
    user_id = UUID(answer.json()["id"]) if route.endswith("/register") else world.account.id

    of_users = [each for each in sent if each.is_of_users]
    assert of_users
    assert [each.text for each in of_users if not each.names(user_id)] == []


@pytest.mark.parametrize("route", EXCEPTIONS)
async def test_a_client_that_does_not_say_who_it_is_is_found_in_one_way(
    app: FastAPI, client: AsyncClient, sent: list[Sent], route: str
) -> None:
    world = await World.make(app, client)
    sent.clear()
    answer = await world.send(route)
    assert answer.is_success, answer.text

    searching = [each for each in sent if each.is_of_users and not each.names(world.account.id)]
    assert searching
    assert [each.text for each in searching if EXCEPTIONS[route] not in each.text] == []


async def test_an_api_token_is_found_by_its_hash_and_then_names_its_user(
    app: FastAPI, client: AsyncClient, sent: list[Sent]
) -> None:
    api = TaskAPI(client, await add_account(app))
    made = await client.post(
        "/api/auth/tokens", headers=api.account.headers, json={"name": "x", "scope": "write"}
    )
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    sent.clear()
    answer = await client.post(
        f"/api/{api.account.id}/tasks", headers=headers, json={"title": "Mow"}
    )
    assert answer.status_code == 201

    of_users = [each for each in sent if each.is_of_users]
    searching = [each for each in of_users if not each.names(api.account.id)]
    assert len(searching) < len(of_users)
    assert all("api_tokens.token_hash = " in each.text for each in searching)
