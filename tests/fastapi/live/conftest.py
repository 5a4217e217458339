"""An application with the live page, on a real socket."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import text

from tests.staging.doors import SETTINGS
from tests.staging.server import serve
from wellhead import Database, DatabaseSettings
from wellhead.fastapi import SessionDep, install, lifespan

Served = AbstractAsyncContextManager[tuple[httpx2.AsyncClient, Database]]

TOKEN = "t" * 32


@asynccontextmanager
async def serve_page(
    url: str, routes: APIRouter | None = None, **settings: Any
) -> AsyncIterator[tuple[httpx2.AsyncClient, Any]]:
    database = Database(DatabaseSettings(url=url, **SETTINGS, **settings))
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    if routes is not None:
        app.include_router(routes)

    @app.get("/found/{id}")
    async def find(id: int, session: SessionDep) -> int:  # noqa: A002 - the path has it
        found = await session.scalar(text("SELECT 1 WHERE 'secret' <> :id"), {"id": str(id)})
        return int(found or 0)

    async with serve(app) as base, httpx2.AsyncClient(base_url=base) as client:
        yield client, database


@pytest.fixture
def page(proxied_url: str) -> Callable[..., Served]:
    """Serves the application with these settings, behind a proxy that counts connections."""
    return partial(serve_page, proxied_url)
