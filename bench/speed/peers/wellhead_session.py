"""Wellhead: a reader to read, a session to write; or, to write, a unit of work (`create_app_run`).

docs/how-to/use-a-session.md
"""

import os
from datetime import datetime
from typing import Any

from fastapi import FastAPI, HTTPException
from sqlalchemy import DateTime
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from bench.speed.item import POOL_SIZE, Item, NewItem, database_url
from wellhead import Database, DatabaseSettings
from wellhead.fastapi import ReaderDep, RunDep, SessionDep, install, lifespan

POOLER = "POOLER" in os.environ


class Base(SQLModel, registry=registry()):
    """The tables of this application."""


class StoredItem(Base, table=True):
    """A row."""

    __tablename__ = "items"

    id: int | None = Field(default=None, primary_key=True)
    title: str
    description: str | None = None
    priority: int
    done: bool
    due_at: datetime = Field(sa_type=DateTime(timezone=True))


def database() -> Database:
    """The database; callers may wait for a connection as long as they do with the peers."""
    return Database(
        DatabaseSettings(
            url=database_url() + ("?pgbouncer=true" if POOLER else ""),
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_max_waiting=None,
            # Every peer counts on the pooler to track statements, and it does.
            prepared_statements="on" if POOLER else "auto",
        )
    )


def reading() -> FastAPI:
    """An application that reads."""
    held = database()
    app = FastAPI(lifespan=lifespan(held))
    install(app, held)

    @app.get("/items/{item_id}", response_model=Item)
    async def read_item(item_id: int, reader: ReaderDep) -> Any:
        item = await reader.get(StoredItem, item_id)
        if item is None:
            raise HTTPException(404)
        return item

    return app


def create_app() -> FastAPI:
    """The application that writes in a session."""
    app = reading()

    @app.post("/items", status_code=201, response_model=Item)
    async def create_item(new: NewItem, session: SessionDep) -> Any:
        item = StoredItem(**new.model_dump())
        session.add(item)
        await session.flush()
        return item

    return app


def create_app_run() -> FastAPI:
    """The application that writes in a unit of work."""
    app = reading()

    @app.post("/items", status_code=201, response_model=Item)
    async def create_item(new: NewItem, run: RunDep) -> Any:
        async def work(session: AsyncSession) -> StoredItem:
            item = StoredItem(**new.model_dump())
            session.add(item)
            await session.flush()
            return item

        return await run(work)

    return app
