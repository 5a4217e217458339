"""fastapi-sqla: a reflected table, and a session that a middleware commits.

https://github.com/dialoguemd/fastapi-sqla#readme: "Quick Example" and "`asyncio` support using
asyncpg"; it takes its engine from the environment
"""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import fastapi_sqla  # type: ignore[import-not-found]
import structlog  # type: ignore[import-not-found]
from fastapi import FastAPI, HTTPException

from bench.speed.item import POOL_SIZE, Item, NewItem, database_url


class StoredItem(fastapi_sqla.Base):  # type: ignore[misc]
    """A row."""

    __tablename__ = "items"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start it with the application."""
    del app
    await fastapi_sqla.startup()
    yield


def create_app() -> FastAPI:
    """The application."""
    # As it comes, structlog prints what is for debugging.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    os.environ |= {
        "sqlalchemy_url": database_url("asyncpg"),
        "sqlalchemy_pool_size": str(POOL_SIZE),
        "sqlalchemy_max_overflow": "0",
    }
    app = FastAPI(lifespan=lifespan)
    fastapi_sqla.setup_middlewares(app)

    @app.get("/items/{item_id}", response_model=Item)
    async def read_item(item_id: int, session: fastapi_sqla.AsyncSession) -> Any:
        item = await session.get(StoredItem, item_id)
        if item is None:
            raise HTTPException(404)
        return item

    @app.post("/items", status_code=201, response_model=Item)
    async def create_item(new: NewItem, session: fastapi_sqla.AsyncSession) -> Any:
        item = StoredItem(**new.model_dump())
        session.add(item)
        await session.flush()
        return item

    return app
