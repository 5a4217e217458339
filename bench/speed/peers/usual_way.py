"""The usual way: `pool_pre_ping`, and a dependency with `yield` that commits.

https://docs.sqlalchemy.org/en/21/core/pooling.html#disconnect-handling-pessimistic and
https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import DateTime
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
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
    engine = create_async_engine(
        database_url("asyncpg"), pool_pre_ping=True, pool_size=POOL_SIZE, max_overflow=0
    )
    sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with sessions() as session:
            try:
                yield session
                await session.commit()
            except Exception:
                await session.rollback()
                raise

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
        item = StoredItem(**new.model_dump())
        session.add(item)
        await session.flush()
        return item

    return app
