"""Databases are made under names of their own, and only those are ever dropped."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.staging.databases import Databases
from tests.staging.given import Postgres
from wellhead import ConfigurationError, DatabaseSettings
from wellhead.testing.databases_of_run import PREFIX, DatabasesOfRun


@pytest.fixture
async def server(database_url: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def run_of(url: str, run: str, worker: str = "main") -> DatabasesOfRun:
    databases = DatabasesOfRun(DatabaseSettings(url=url), run, "shop", worker)
    await databases.open()
    return databases


async def make_nothing(name: str) -> None:
    assert name.startswith(PREFIX)


async def exists(server: "asyncpg.Connection[Any]", name: str) -> bool:
    found = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
    return bool(await server.fetchval(found, name))


async def test_all_workers_of_a_run_have_one_template_which_the_last_one_drops(
    database_url: str, server: "asyncpg.Connection[Any]"
) -> None:
    made = []

    async def migrate(name: str) -> None:
        made.append(name)

    workers = [await run_of(database_url, "alpha", worker) for worker in ("gw0", "gw1")]
    for each in workers:
        await each.make(migrate)
    assert len(made) == 1

    template = f"{PREFIX}alpha_shop_template"
    await workers[0].close()
    assert await exists(server, template)
    await workers[1].close()
    assert not await exists(server, template)
    assert not await exists(server, workers[0].name)


async def test_a_run_that_connects_to_another_database_leaves_the_template_of_a_living_one(
    database_url: str, server: "asyncpg.Connection[Any]"
) -> None:
    living = await run_of(database_url, "gamma")
    await living.make(make_nothing)

    other = await run_of(urlsplit(database_url)._replace(path="/postgres").geturl(), "delta")
    await other.close()

    assert await exists(server, f"{PREFIX}gamma_shop_template")
    await living.close()
    assert not await exists(server, f"{PREFIX}gamma_shop_template")


async def test_a_template_that_could_not_be_made_is_made_again(
    database_url: str, server: "asyncpg.Connection[Any]"
) -> None:
    async def fail(name: str) -> None:
        raise ZeroDivisionError(name)

    databases = await run_of(database_url, "beta")
    with pytest.raises(ZeroDivisionError):
        await databases.make(fail)
    await databases.make(make_nothing)

    assert await exists(server, databases.name)
    await databases.close()


async def test_what_a_killed_run_has_left_is_dropped_and_nothing_else(
    database_url: str, server: "asyncpg.Connection[Any]"
) -> None:
    killed, living = await run_of(database_url, "killed"), await run_of(database_url, "living")
    for each in (killed, living):
        await each.make(make_nothing)
    inside = await asyncpg.connect(
        database_url.replace(urlsplit(database_url).path, f"/{killed.name}")
    )
    foreign = f"{PREFIX}somebodys_own"
    await server.execute(f'CREATE DATABASE "{foreign}"')
    killed._connection.terminate()  # noqa: SLF001 - as the end of its process does

    first = await run_of(database_url, "first")
    assert await exists(server, killed.name)
    await inside.close()
    second = await run_of(database_url, "second")

    assert not await exists(server, killed.name)
    assert await exists(server, living.name)
    assert await exists(server, foreign)
    await server.execute(f'DROP DATABASE "{foreign}"')
    for each in (first, second, living):
        await each.close()


async def test_a_role_that_may_not_create_databases_is_named(
    postgres: Postgres, databases: Databases, database_url: str
) -> None:
    databases.execute("CREATE ROLE nobody_much LOGIN PASSWORD 'p'")
    url = database_url.replace(f"wellhead:{postgres.password}@", "nobody_much:p@")

    with pytest.raises(ConfigurationError, match=r"'nobody_much'.* may not create databases"):
        await run_of(url, "gamma")
    databases.execute("DROP ROLE nobody_much")
