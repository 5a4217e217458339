"""SQLSpec on asyncpg: a session by dependency, statements by hand, rows as schemas.

https://sqlspec.dev/usage/frameworks/fastapi.html, in its default mode, in which a statement
commits by itself
"""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from sqlspec import SQLSpec  # type: ignore[import-not-found]
from sqlspec.adapters.asyncpg import (  # type: ignore[import-not-found]
    AsyncpgConfig,
    AsyncpgPoolConfig,
)
from sqlspec.extensions.fastapi import SQLSpecPlugin  # type: ignore[import-not-found]

from bench.speed.item import INSERT, POOL_SIZE, SELECT, Item, NewItem, database_url


def create_app() -> FastAPI:
    """The application."""
    sqlspec = SQLSpec()
    sqlspec.add_config(
        AsyncpgConfig(
            connection_config=AsyncpgPoolConfig(dsn=database_url(), min_size=0, max_size=POOL_SIZE)
        )
    )
    app = FastAPI()
    session_dep = Depends(SQLSpecPlugin(sqlspec, app).provide_session())

    @app.get("/items/{item_id}", response_model=Item)
    async def read_item(item_id: int, session: Annotated[Any, session_dep]) -> Any:
        item = await session.select_one_or_none(SELECT, item_id, schema_type=Item)
        if item is None:
            raise HTTPException(404)
        return item

    @app.post("/items", status_code=201, response_model=Item)
    async def create_item(new: NewItem, session: Annotated[Any, session_dep]) -> Any:
        return await session.select_one(INSERT, *new.model_dump().values(), schema_type=Item)

    return app
