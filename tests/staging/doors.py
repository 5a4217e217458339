"""An application that has nothing but the routes about the database, on a real socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from fastapi import FastAPI

from tests.staging.server import serve
from wellhead import Database
from wellhead.fastapi import install, lifespan

SETTINGS = {"connect_timeout": 1, "connect_retry_count": 1, "pool_size": 2, "max_overflow": 1}


def application(database: Database) -> FastAPI:
    """The application; nothing is opened before its lifespan begins."""
    app = FastAPI(title="Doors", version="1.2.3", lifespan=lifespan(database))
    install(app, database)
    return app


@asynccontextmanager
async def served(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application while it is served."""
    async with (
        serve(application(database)) as base,
        httpx2.AsyncClient(base_url=base, verify=False) as client,
    ):
        yield client
