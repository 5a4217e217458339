"""SQLAlchemy Core in autocommit, with statements that are built once.

https://docs.sqlalchemy.org/en/21/core/connections.html#understanding-the-dbapi-level-autocommit-isolation-level
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
)
from sqlalchemy.ext.asyncio import create_async_engine

from bench.speed.item import POOL_SIZE, Item, NewItem, database_url

items = Table(
    "items",
    MetaData(),
    Column("id", BigInteger, primary_key=True),
    Column("title", Text, nullable=False),
    Column("description", Text),
    Column("priority", Integer, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
)
SELECT = items.select().where(items.c.id == bindparam("item_id"))
INSERT = items.insert().returning(items)


def create_app() -> FastAPI:
    """The application."""
    engine = create_async_engine(
        database_url("asyncpg"),
        isolation_level="AUTOCOMMIT",
        pool_size=POOL_SIZE,
        max_overflow=0,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.get("/items/{item_id}", response_model=Item)
    async def read_item(item_id: int) -> Any:
        async with engine.connect() as connection:
            row = (await connection.execute(SELECT, {"item_id": item_id})).mappings().first()
        if row is None:
            raise HTTPException(404)
        return dict(row)

    @app.post("/items", status_code=201, response_model=Item)
    async def create_item(new: NewItem) -> Any:
        async with engine.connect() as connection:
            return dict((await connection.execute(INSERT, new.model_dump())).mappings().one())

    return app
