"""The full-stack template's way: synchronous sessions in threads, psycopg, an explicit commit.

https://github.com/fastapi/full-stack-fastapi-template, in its folder backend/app: core/db.py,
api/deps.py and api/routes/items.py
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import DateTime
from sqlalchemy.orm import registry
from sqlmodel import Field, Session, SQLModel, create_engine

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
    engine = create_engine(database_url("psycopg"), pool_size=POOL_SIZE, max_overflow=0)

    def get_session() -> Iterator[Session]:
        with Session(engine) as session:
            yield session

    session_dep = Depends(get_session)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        yield
        engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.get("/items/{item_id}", response_model=Item)
    def read_item(item_id: int, session: Annotated[Session, session_dep]) -> Any:
        item = session.get(StoredItem, item_id)
        if item is None:
            raise HTTPException(404)
        return item

    @app.post("/items", status_code=201, response_model=Item)
    def create_item(new: NewItem, session: Annotated[Session, session_dep]) -> Any:
        item = StoredItem.model_validate(new)
        session.add(item)
        session.commit()
        session.refresh(item)
        return item

    return app
