"""FastAPI and asyncpg: statements by hand, validated requests and responses.

https://magicstack.github.io/asyncpg/current/usage.html#connection-pools, without the reset
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from fastapi import FastAPI, HTTPException

from bench.speed.item import INSERT, POOL_SIZE, SELECT, Item, NewItem, database_url


async def no_reset(connection: Any) -> None:
    """Leave a connection as it is."""
    del connection


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the pool with the application."""
    async with asyncpg.create_pool(
        database_url(), min_size=0, max_size=POOL_SIZE, reset=no_reset
    ) as app.state.pool:
        yield


def create_app() -> FastAPI:
    """The application."""
    app = FastAPI(lifespan=lifespan)

    @app.get("/items/{item_id}", response_model=Item)
    async def read_item(item_id: int) -> Any:
        row = await app.state.pool.fetchrow(SELECT, item_id)
        if row is None:
            raise HTTPException(404)
        return dict(row)

    @app.post("/items", status_code=201, response_model=Item)
    async def create_item(new: NewItem) -> Any:
        row = await app.state.pool.fetchrow(
            INSERT, new.title, new.description, new.priority, new.done, new.due_at
        )
        return dict(row)

    return app
