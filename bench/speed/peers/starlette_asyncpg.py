"""Starlette and asyncpg, with nothing in between: what this machine allows.

A pool that resets nothing when a connection comes back, as nothing is set on one.
https://magicstack.github.io/asyncpg/current/usage.html#connection-pools
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.speed.item import INSERT, POOL_SIZE, SELECT, database_url


async def no_reset(connection: Any) -> None:
    """Leave a connection as it is."""
    del connection


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Open the pool with the application."""
    async with asyncpg.create_pool(
        database_url(), min_size=0, max_size=POOL_SIZE, reset=no_reset
    ) as app.state.pool:
        yield


def answer(row: asyncpg.Record, status: int = 200) -> JSONResponse:
    """A row as the peers with a schema write it."""
    content = dict(row)
    content["due_at"] = row["due_at"].isoformat().replace("+00:00", "Z")
    return JSONResponse(content, status)


async def read_item(request: Request) -> JSONResponse:
    """One row."""
    row = await request.app.state.pool.fetchrow(SELECT, int(request.path_params["item_id"]))
    return answer(row) if row else JSONResponse({"detail": "Not Found"}, 404)


async def create_item(request: Request) -> JSONResponse:
    """A new row."""
    new = json.loads(await request.body())
    row = await request.app.state.pool.fetchrow(
        INSERT,
        new["title"],
        new["description"],
        new["priority"],
        new["done"],
        datetime.fromisoformat(new["due_at"]),
    )
    return answer(row, 201)


def create_app() -> Starlette:
    """The application."""
    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/items/{item_id}", read_item),
            Route("/items", create_item, methods=["POST"]),
        ],
    )
