"""A connection for each request (`NullPool`), as many guides advise for Neon and PgBouncer.

https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#prepared-statement-name-with-pgbouncer
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import DateTime
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import registry
from sqlalchemy.pool import NullPool
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from bench.speed.item import Item, NewItem, database_url


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
    engine = create_async_engine(database_url("asyncpg"), poolclass=NullPool, pool_pre_ping=True)
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
