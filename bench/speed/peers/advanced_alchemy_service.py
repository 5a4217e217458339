"""advanced-alchemy: its session in autocommit mode, a service on its repository.

https://advanced-alchemy.litestar.dev/latest/frameworks/fastapi.html
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from advanced_alchemy.base import BigIntBase  # type: ignore[import-not-found]
from advanced_alchemy.config import EngineConfig  # type: ignore[import-not-found]
from advanced_alchemy.exceptions import NotFoundError  # type: ignore[import-not-found]
from advanced_alchemy.extensions.fastapi import (  # type: ignore[import-not-found]
    AdvancedAlchemy,
    AsyncSessionConfig,
    SQLAlchemyAsyncConfig,
    repository,
    service,
)
from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import DateTime
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from bench.speed.item import POOL_SIZE, Item, NewItem, database_url


class StoredItem(BigIntBase):  # type: ignore[misc]
    """A row."""

    __tablename__ = "items"

    title: Mapped[str]
    description: Mapped[str | None]
    priority: Mapped[int]
    done: Mapped[bool]
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class ItemService(service.SQLAlchemyAsyncRepositoryService[StoredItem]):  # type: ignore[misc]
    """Rows."""

    class Repo(repository.SQLAlchemyAsyncRepository[StoredItem]):  # type: ignore[misc]
        """Where they are."""

        model_type = StoredItem

    repository_type = Repo


def create_app() -> FastAPI:
    """The application."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(
        config=SQLAlchemyAsyncConfig(
            connection_string=database_url("asyncpg"),
            session_config=AsyncSessionConfig(expire_on_commit=False),
            engine_config=EngineConfig(pool_size=POOL_SIZE, max_overflow=0),
            commit_mode="autocommit",
        ),
        app=app,
    )
    session_dep = Depends(alchemy.provide_session())

    async def provide_items(
        session: Annotated[AsyncSession, session_dep],
    ) -> AsyncIterator[ItemService]:
        async with ItemService.new(session=session) as items:
            yield items

    items_dep = Depends(provide_items)

    @app.get("/items/{item_id}", response_model=Item)
    async def read_item(item_id: int, items: Annotated[Any, items_dep]) -> Any:
        try:
            item = await items.get(item_id)
        except NotFoundError as error:
            raise HTTPException(404) from error
        return items.to_schema(item, schema_type=Item)

    @app.post("/items", status_code=201, response_model=Item)
    async def create_item(new: NewItem, items: Annotated[Any, items_dep]) -> Any:
        return items.to_schema(await items.create(new), schema_type=Item)

    return app
