"""Invokes the page's handler as API Gateway does, also after its connection was closed."""

import asyncio
import json
from importlib import import_module
from typing import Any

import psycopg
from fastapi import FastAPI
from sqlmodel import SQLModel

from wellhead import Database, DatabaseSettings
from wellhead.fastapi import ReaderDep, install, lifespan

mangum = import_module("mangum")

END = """
    SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def use(page: dict[str, Any]) -> None:
    database: Database = page["database"]
    # As the settings of the page say.
    database.__init__(DatabaseSettings(pool_size=1, max_overflow=0))  # type: ignore[misc]
    async with Database() as owner, owner.engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    await asyncio.to_thread(invoke, page)


def event(method: str, path: str, query: str = "") -> dict[str, Any]:
    """What API Gateway sends, in version 2 of its payloads."""
    http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "example.org", "x-forwarded-proto": "https", "x-forwarded-port": "443"},
        "requestContext": {"http": http, "stage": "$default", "domainName": "example.org"},
        "isBase64Encoded": False,
    }


def invoke(page: dict[str, Any]) -> None:
    asyncio.set_event_loop(page["loop"])
    handler, database = page["handler"], page["database"]
    assert handler(event("POST", "/visits", "page=home"), None)["statusCode"] == 201
    for _ in range(3):
        found = handler(event("GET", "/visits/1"), None)
        assert (found["statusCode"], json.loads(found["body"])["page"]) == (200, "home")
    assert database.stats().opened == 1
    for number in (2, 3, 4):
        # While the loop stands still, as in a frozen sandbox.
        hang_up(database.settings.url.render(hide_password=False))
        added = handler(event("POST", "/visits", "page=again"), None)
        assert (added["statusCode"], json.loads(added["body"])["id"]) == (201, number)
        assert database.stats().opened == number
    page["loop"].run_until_complete(database.close())
    with_lifespan(page)
    page["loop"].close()


def hang_up(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(END)


def with_lifespan(page: dict[str, Any]) -> None:
    """With Mangum's own lifespan each event opens the database and closes it."""
    database, opened = Database(), []
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)

    @app.get("/visits/{number}")
    async def look_up(number: int, reader: ReaderDep) -> str | None:
        opened.append(database.stats().opened)
        visit = await reader.get(page["Visit"], number)
        return None if visit is None else visit.page

    handler = mangum.Mangum(app)
    for _ in range(2):
        assert handler(event("GET", "/visits/1"), None)["body"] == '"home"'
    assert not database.is_open
    assert opened == [1, 1]
