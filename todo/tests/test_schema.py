"""A database that does not have this program's schema, seen from each route and from the log."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from staged import KEY, PASSWORD, StagedAccount, running
from writes import WRITES, World

from todo.main import create_app
from todo.models import new_id
from todo.schema import program_migrations
from todo.settings import Settings
from wellhead import DatabaseSettings

READS = ("GET /api/auth/me", "GET /api/{user_id}/tasks", "GET /api/{user_id}/tags")


@pytest.fixture
def unmigrated(database_url: str, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The application on an empty database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return create_app(Settings(jwt_secret_key=KEY, argon2_memory_kib=7168, argon2_time_cost=1))


@pytest.fixture
async def client(unmigrated: FastAPI) -> AsyncIterator[AsyncClient]:
    async with running(unmigrated) as client:
        yield client


@pytest.fixture
def world(unmigrated: FastAPI, client: AsyncClient) -> World:
    """An account and objects that a migrated database might have."""
    tokens, user_id, login_id = unmigrated.state.tokens, new_id(), new_id()
    access = tokens.issue_access(user_id=user_id, login_id=login_id)
    refresh = tokens.issue_refresh(user_id=user_id, login_id=login_id).text
    account = StagedAccount(user_id, "ada@example.com", PASSWORD, access, refresh)
    outgoing = unmigrated.state.outgoing_mail
    ids = (str(UUID(int=number)) for number in range(1, 6))
    return World(client, account, outgoing, login_id, new_id(), "a link", *ids)


async def test_every_route_says_that_it_is_to_be_migrated_and_the_log_how_in_one_line(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        caplog.clear()
        answers = {route: await world.send(route) for route in (*WRITES, *READS)}

    wrong = {
        route: answer.text
        for route, answer in answers.items()
        if (answer.status_code, answer.json()["type"]) != (503, "urn:wellhead:schema_behind")
    }
    assert wrong == {}
    [line] = caplog.records
    assert re.search(
        r"because the schema is behind: the database is at nothing; not applied: 0001, [^.]+\. "
        r"Apply them with: todo migrate$",
        line.getMessage(),
    )
    assert line.exc_info is None


async def test_a_database_with_some_of_the_tables_is_told_in_the_same_way(
    world: World, database_url: str
) -> None:
    migrations = program_migrations(DatabaseSettings(url=database_url))
    await asyncio.to_thread(migrations.upgrade, "0001")

    tasks = await world.send("GET /api/{user_id}/tasks")

    assert (tasks.status_code, tasks.json()["type"]) == (503, "urn:wellhead:schema_behind")
