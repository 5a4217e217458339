"""Both applications, each time on a new database."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from bench.faults.todo_service import migrate
from bench.todo_speed.by_hand import application
from tests.staging.databases import Databases
from tests.todo_speed.both import PERSON, SETTINGS, Both, serve
from todo.main import create_app


@pytest.fixture(scope="module")
def migrated(databases: Databases) -> str:
    url = databases.create()
    migrate(url)
    return url.rpartition("/")[2]


@pytest.fixture
def url(databases: Databases, migrated: str, monkeypatch: pytest.MonkeyPatch) -> str:
    url = databases.create(template=migrated)
    for name, value in {**SETTINGS, "DATABASE_URL": url}.items():
        monkeypatch.setenv(name, value)
    return url


@pytest.fixture
async def both(url: str) -> AsyncIterator[Both]:
    del url
    async with AsyncExitStack() as stack:
        todo, by_hand = [
            await serve(app, stack) for app in (create_app(), application.create_app())
        ]
        registered = await todo.post("/api/auth/register", json=PERSON)
        form = {"username": PERSON["email"], "password": PERSON["password"]}
        tokens = (await todo.post("/api/auth/login", data=form)).json()
        for client in (todo, by_hand):
            client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        yield Both(todo, by_hand, registered.json()["id"], tokens)
