"""The applications with two routes more, each with a mistake that their authors may make."""

import asyncio
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from bench.usual_way import create_app
from todo.server import served_app
from wellhead.fastapi import SessionDep

FORGOTTEN = "/mistakes/forgotten"
"""A task goes on with the session of its request, which has ended."""

SHARED = "/mistakes/shared"
"""Two tasks use the session of their request at the same time."""

_SLOW: Any = text("SELECT pg_sleep(0.2)")
_FAILS: Any = text("SELECT 1 / 0, pg_sleep(0.1)")


def todo() -> FastAPI:
    """The Todo API with these routes."""
    return _with_mistakes(served_app(), SessionDep)


def usual() -> FastAPI:
    """The usual way with these routes."""
    app = create_app()
    return _with_mistakes(app, Annotated[AsyncSession, Depends(app.state.get_session)])


def _with_mistakes(app: FastAPI, session_type: Any) -> FastAPI:
    forgotten: set[asyncio.Task[Any]] = set()

    @app.post(FORGOTTEN)
    async def forget(session: session_type) -> None:
        await session.connection()
        task = asyncio.create_task(session.exec(_SLOW))
        forgotten.add(task)
        task.add_done_callback(forgotten.discard)
        await asyncio.sleep(0.02)

    @app.post(SHARED)
    async def share(session: session_type) -> None:
        await asyncio.gather(session.exec(_SLOW), session.exec(_FAILS), session.exec(_SLOW))

    return app
