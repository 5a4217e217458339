"""Wellhead with compiled queries: one to read, and one to write as a whole unit of work.

docs/how-to/compile-a-query.md
"""

from typing import Any

from fastapi import FastAPI, HTTPException
from sqlalchemy import bindparam, insert
from sqlmodel import select

from bench.speed.item import Item, NewItem
from bench.speed.peers.wellhead_session import StoredItem, database
from wellhead import compiled
from wellhead.fastapi import install, lifespan

find = compiled(select(StoredItem).where(StoredItem.id == bindparam("item_id")), into=Item)
add = compiled(
    insert(StoredItem)
    .values({name: bindparam(name) for name in NewItem.model_fields})
    .returning(StoredItem),
    into=Item,
)


def create_app() -> FastAPI:
    """The application."""
    held = database()
    app = FastAPI(lifespan=lifespan(held))
    install(app, held)

    @app.get("/items/{item_id}", response_model=Item)
    async def read_item(item_id: int) -> Any:
        item = await find.one_or_none(held, item_id=item_id)
        if item is None:
            raise HTTPException(404)
        return item

    @app.post("/items", status_code=201, response_model=Item)
    async def create_item(new: NewItem) -> Any:
        return await add.one(held, **new.model_dump())

    return app
