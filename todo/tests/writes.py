"""One request for each route that writes, and all that can be seen of what it did."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import func, select
from staged import ADDRESS, PASSWORD, StagedAccount, add_account
from task_api import TaskAPI

from tests.staging.patience import SECONDS, until
from todo.accounts.models import ApiToken, Login, PasswordReset
from todo.accounts.outgoing import OutgoingMail
from todo.accounts.secret_tokens import SecretToken
from todo.accounts.service import Accounts
from todo.models import utc_now
from todo.tables import metadata

Json = dict[str, Any]
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Done: TypeAlias = tuple[tuple[int, str, frozenset[str]], dict[str, int]]

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class World:
    """An account of its own with tasks: one, one with a later position, and a deleted one.

    It has a tag on the first, and a tag on nothing.

    It has a second login, an API token, and a link to a new password. Its paths name it by its id;
    `user_id` is another way to name it.
    """

    client: AsyncClient
    account: StagedAccount
    outgoing: OutgoingMail
    login: UUID
    token: UUID
    reset: str
    task: str
    tag: str
    spare: str
    later: str
    deleted: str
    user_id: str | None = None

    @classmethod
    async def make(cls, app: FastAPI, client: AsyncClient) -> "World":
        """Make one in a running application."""
        account = await add_account(app)
        # The first that comes from an address leaves rows that count what the later ones do.
        accounts: Accounts = app.state.accounts
        attempts = accounts.attempts
        await attempts.count_registration(address=ADDRESS)
        await attempts.count_reset(account=account.email, address=ADDRESS)
        await attempts.count_login(account=account.email, address=ADDRESS)
        await attempts.forget_login(account=account.email, address=ADDRESS)
        api = TaskAPI(client, account)
        task = await api.task(tags=["work"])
        spare = await api.tag("spare")
        secret, link = SecretToken.new("test_"), SecretToken.new("test_")
        expires_at = utc_now() + timedelta(days=1)
        login = Login(user_id=account.id, token_hash=secret.hash, expires_at=expires_at)
        token = ApiToken(user_id=account.id, name="x", scope="read", token_hash=secret.hash)
        reset = PasswordReset(user_id=account.id, token_hash=link.hash, expires_at=expires_at)
        async with accounts.database.session() as session:
            session.add_all([login, token, reset])
        later = await api.task("Later")
        deleted = await api.task("Deleted", tags=["work"])
        await api.expect(204, "DELETE", f"/tasks/{deleted['id']}")
        return cls(
            client,
            account,
            app.state.outgoing_mail,
            login.id,
            token.id,
            link.text,
            task=task["id"],
            tag=task["tags"][0]["id"],
            spare=spare["id"],
            later=later["id"],
            deleted=deleted["id"],
        )

    async def send(self, route: str, **headers: str) -> Response:
        """Send the request of a route, such as `POST /api/auth/login`."""
        method, path = route.split(" ")
        is_attaching = path.endswith("/tags/{tag_id}/tasks/{task_id}") and method == "PUT"
        address = path.format(
            user_id=self.user_id or self.account.id,
            task_id=self.deleted if path.endswith("/restore") else self.task,
            tag_id=self.spare if is_attaching else self.tag,
            login_id=self.login,
            token_id=self.token,
        )
        sent = {**self.account.headers, **headers}
        answer = await self.client.request(
            method, address, headers=sent, **WRITES.get(route, nothing)(self)
        )
        await self.outgoing.finish(SECONDS)
        return answer


def new_account(_: World) -> Json:
    """A user who is not registered yet."""
    return {"json": {"email": f"person{next(_numbers)}@new.example.com", "password": PASSWORD}}


def nothing(_: World) -> Json:
    """No body."""
    return {}


WRITES: Mapping[str, Callable[[World], Json]] = {
    "POST /api/auth/register": new_account,
    "POST /api/auth/login": lambda world: {
        "data": {"username": world.account.email, "password": PASSWORD}
    },
    "POST /api/auth/refresh": lambda world: {
        "json": {"refresh_token": world.account.refresh_token}
    },
    "POST /api/auth/logout": nothing,
    "POST /api/auth/change-password": lambda _: {
        "json": {"current_password": PASSWORD, "new_password": "another battery staple"}
    },
    "POST /api/auth/delete-account": lambda _: {"json": {"password": PASSWORD}},
    "PATCH /api/auth/me": lambda _: {"json": {"name": "Ada"}},
    "DELETE /api/auth/logins/{login_id}": nothing,
    "POST /api/auth/tokens": lambda _: {"json": {"name": "Script", "scope": "write"}},
    "DELETE /api/auth/tokens/{token_id}": nothing,
    "POST /api/auth/forgot-password": lambda world: {"json": {"email": world.account.email}},
    "POST /api/auth/reset-password": lambda world: {
        "json": {"token": world.reset, "new_password": "another battery staple"}
    },
    "POST /api/{user_id}/tasks": lambda _: {
        "json": {"title": "Buy bread", "tags": ["work", "new"]}
    },
    "PUT /api/{user_id}/tasks/{task_id}": lambda _: {
        "json": {"title": "Buy bread", "tags": ["spare"]}
    },
    "PATCH /api/{user_id}/tasks/{task_id}": lambda _: {
        "json": {"priority": "high", "tags": ["work", "new"]}
    },
    "PATCH /api/{user_id}/tasks/{task_id}/complete": nothing,
    "PATCH /api/{user_id}/tasks/{task_id}/position": lambda world: {"json": {"after": world.later}},
    "DELETE /api/{user_id}/tasks/{task_id}": nothing,
    "POST /api/{user_id}/tasks/{task_id}/restore": nothing,
    "POST /api/{user_id}/tasks/bulk": lambda world: {
        "json": {"action": "delete", "ids": [world.task, world.deleted]}
    },
    "POST /api/{user_id}/import": lambda world: {
        "json": {
            "version": 1,
            "user_id": str(world.account.id),
            "tasks": [
                {"id": world.task, "title": "Is there"},
                {"id": world.deleted, "title": "Is back", "tags": [{"name": "new"}]},
            ],
        }
    },
    "POST /api/{user_id}/tags": lambda _: {"json": {"name": "home", "color": "#00ff00"}},
    "PATCH /api/{user_id}/tags/{tag_id}": lambda _: {"json": {"name": "home"}},
    "DELETE /api/{user_id}/tags/{tag_id}": nothing,
    "PUT /api/{user_id}/tags/{tag_id}/tasks/{task_id}": nothing,
    "DELETE /api/{user_id}/tags/{tag_id}/tasks/{task_id}": nothing,
}
"""What each route is sent: something that changes the database."""

KEYED = (
    "POST /api/auth/register",
    "POST /api/{user_id}/tasks",
    "POST /api/{user_id}/tasks/bulk",
    "POST /api/{user_id}/import",
    "POST /api/{user_id}/tags",
)
"""The routes that take an `Idempotency-Key`."""

FORGOTTEN = "POST /api/auth/forgot-password"
"""The request for a link: one statement, after the response."""

REFRESH = "POST /api/auth/refresh"
"""The exchange of a refresh token: one statement, which may be sent twice."""

REPEATABLE = tuple(
    route
    for route in WRITES
    if route.startswith("POST /api/auth/") and route not in {REFRESH, FORGOTTEN, *KEYED}
)
"""The routes whose transactions may be done twice, without any key."""

RESTORING = ("POST /api/{user_id}/tasks/{task_id}/restore",)
"""The routes that bring something back, or find it there."""

SETTING = tuple(
    route
    for route in WRITES
    if route.startswith(("PUT", "PATCH")) or route.endswith("/tags/{tag_id}/tasks/{task_id}")
)
"""The routes that set values: done twice, they end the same, unless a condition was set."""

SAME_TAG = """
    INSERT INTO tags (id, user_id, name, name_folded, color, version, created_at, updated_at)
    VALUES (gen_random_uuid(), $1, 'new', 'new', '#000000', 1, now(), now())
"""
"""Make the tag that a task names as new: others that create it wait until this is committed."""

_DIFFERENT = {
    "<since>": r'(?<="next_since":")[^"]+',
    "<token>": r"eyJ[\w.-]+|todo_pat_[\w-]+",
    "<id>": r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",
    "<time>": r"\d{4}-\d\d-\d\dT[\d:.]+Z",
    "<revision>": r"\b\d+\.\d+\.\d+\b",
    "<person>": r"person\d+",
    "<position>": r'(?<="position":")\d+',
}
"""What two answers to the same request never share."""


def seen(answer: Response) -> tuple[int, str, frozenset[str]]:
    """All that a client can tell one answer from another by, but for what is always new."""
    text = answer.text
    for name, pattern in _DIFFERENT.items():
        text = re.sub(pattern, name, text)
    return answer.status_code, text, frozenset(answer.headers)


async def until_somebody_waits(server: Connection) -> None:
    """Return as soon as a lock is waited for."""
    await until(lambda: server.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))


async def rows_of(connection: Connection) -> dict[str, int]:
    """How many rows each table has, and how many attempts were counted."""
    counts = {
        name: await connection.fetchval(str(select(func.count()).select_from(table)))
        for name, table in metadata.tables.items()
    }
    hits = await connection.fetchval("SELECT coalesce(sum(hits), 0) FROM login_attempts")
    return {**counts, "hits": hits}


async def done_by(world: World, connection: Connection, route: str, **headers: str) -> Done:
    """Send a request; returns its answer as `seen`, and how the rows of the tables have changed."""
    before = await rows_of(connection)
    answer = await world.send(route, **headers)
    after = await rows_of(connection)
    return seen(answer), {name: after[name] - before[name] for name in after}


def but_for_hits(done: Done) -> Done:
    """The same without the number of attempts, which may be counted twice."""
    answer, rows = done
    return answer, {**rows, "hits": 0}


def headers_for(route: str, number: int = 0) -> dict[str, str]:
    """A key, where the route takes one."""
    return {"Idempotency-Key": f"key {number}"} if route in KEYED else {}
