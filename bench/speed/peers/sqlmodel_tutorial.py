"""The SQLModel tutorial: a session by dependency; add, commit, refresh.

https://sqlmodel.tiangolo.com/tutorial/fastapi/session-with-dependency/, which shows only the
synchronous session. This is the same with the asynchronous one; the full-stack template shows the
synchronous one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import DateTime
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from bench.speed.item import POOL_SIZE, Item, NewItem, database_url


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


def create_app() -> FastAPI:
    """The application."""
    engine = create_async_engine(database_url("asyncpg"), pool_size=POOL_SIZE, max_overflow=0)

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as session:
            yield session

    session_dep = Depends(get_session)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.get("/items/{item_id}", response_model=Item)
    async def read_item(item_id: int, session: Annotated[AsyncSession, session_dep]) -> Any:
        item = await session.get(StoredItem, item_id)
        if item is None:
            raise HTTPException(404)
        return item

    @app.post("/items", status_code=201, response_model=Item)
    async def create_item(new: NewItem, session: Annotated[AsyncSession, session_dep]) -> Any:
        item = StoredItem.model_validate(new)
        session.add(item)
        await session.commit()
        await session.refresh(item)
        return item

    return app
