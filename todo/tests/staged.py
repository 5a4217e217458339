"""People and clients for the application's tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any
from uuid import UUID

from documented import ComparedWithDocument
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from pwdlib.hashers.argon2 import Argon2Hasher

from todo.accounts.models import Login, User
from todo.accounts.service import Accounts
from todo.models import new_id
from todo.tasks.models import Task
from todo.tasks.positions import position_at
from todo.text import fold_words

KEY = "0123456789abcdefghijklmnopqrstuvwxyz-for-tests"
PASSWORD = "correct horse battery staple"
ADDRESS = "192.0.2.1"


@dataclass(frozen=True, slots=True)
class StagedAccount:
    """An account that is registered and logged in.

    Attributes:
        id: The user's id, for the paths.
        headers: What a request of theirs carries.
    """

    id: UUID
    email: str
    password: str
    access_token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}


def client_of(app: FastAPI, *, address: str = ADDRESS) -> AsyncClient:
    """A client that comes from an address of its own; the application must be running.

    A problem that is not in the document fails the test.
    """
    transport = ASGITransport(app=ComparedWithDocument(app), client=(address, 50000))
    return AsyncClient(transport=transport, base_url="http://todo.test")


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """Start an application, give a client of it, and stop it."""
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield client


_numbers = count(1)


async def make_account(client: AsyncClient, *, password: str = PASSWORD) -> StagedAccount:
    """Register a new user and log them in."""
    email = f"person{next(_numbers)}@example.com"
    registered = await client.post(
        "/api/auth/register", json={"email": email, "password": password}
    )
    assert registered.status_code == 201, registered.text
    tokens = await log_in(client, email, password)
    return StagedAccount(
        id=UUID(registered.json()["id"]),
        email=email,
        password=password,
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
    )


@cache
def _password_hash() -> str:
    # With the costs that `settings` has: a login would renew any other.
    return Argon2Hasher(time_cost=1, memory_cost=7 * 1024, parallelism=1).hash(PASSWORD)


async def add_account(app: FastAPI) -> StagedAccount:
    """A new logged-in user, by the rows that this leaves: a third of the work.

    Args:
        app: The application, running.
    """
    accounts: Accounts = app.state.accounts
    tokens = accounts.tokens
    email = f"person{next(_numbers)}@example.com"
    user = User(email=email, password_hash=_password_hash())
    login_id = new_id()
    refresh = tokens.issue_refresh(user_id=user.id, login_id=login_id)
    login = Login(
        id=login_id, user_id=user.id, token_hash=refresh.hash, expires_at=refresh.expires_at
    )
    access_token = tokens.issue_access(user_id=user.id, login_id=login_id)
    account = StagedAccount(user.id, email, PASSWORD, access_token, refresh.text)
    async with accounts.database.session() as session:
        session.add(user)
        await session.flush()
        session.add(login)
    return account


def task_of(user_id: UUID, title: str, **fields: Any) -> Task:
    """A task of a user, to be stored as it is."""
    task = Task(user_id=user_id, title=title, title_folded=fold_words(title), position="", **fields)
    task.position = position_at(task.created_at, task.id)
    return task


async def log_in(client: AsyncClient, email: str, password: str) -> dict[str, str]:
    """The tokens of a new login."""
    answer = await client.post("/api/auth/login", data={"username": email, "password": password})
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = answer.json()
    return tokens
