"""FastSQLA: a session by dependency that commits.

https://hadrien.github.io/FastSQLA/: "Quick Example"; its lifespan takes the engine's arguments
"""

import logging
from datetime import datetime
from typing import Any

import structlog  # type: ignore[import-not-found]
from fastapi import FastAPI, HTTPException
from fastsqla import Base, Session, new_lifespan  # type: ignore[import-not-found]
from sqlalchemy import DateTime
from sqlalchemy.orm import Mapped, mapped_column

from bench.speed.item import POOL_SIZE, Item, NewItem, database_url


class StoredItem(Base):  # type: ignore[misc]
    """A row."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    description: Mapped[str | None]
    priority: Mapped[int]
    done: Mapped[bool]
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


def create_app() -> FastAPI:
    """The application."""
    # As it comes, structlog prints what is for debugging.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    app = FastAPI(
        lifespan=new_lifespan(database_url("asyncpg"), pool_size=str(POOL_SIZE), max_overflow="0")
    )

    @app.get("/items/{item_id}", response_model=Item)
    async def read_item(item_id: int, session: Session) -> Any:
        item = await session.get(StoredItem, item_id)
        if item is None:
            raise HTTPException(404)
        return item

    @app.post("/items", status_code=201, response_model=Item)
    async def create_item(new: NewItem, session: Session) -> Any:
        item = StoredItem(**new.model_dump())
        session.add(item)
        await session.flush()
        return item

    return app
