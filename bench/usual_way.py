"""The second application of the fault suite: written the usual way, as tutorials show it.

An engine with ``pool_pre_ping``, a session that a dependency with ``yield`` commits, plain routes,
no retries. ``docs/explanation/failure.md`` compares it with the Todo API; it has the same pool and
the same table, without accounts.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession


class Base(SQLModel, registry=registry()):
    """The tables of this application."""


class UsualTask(Base, table=True):
    """A task."""

    __tablename__ = "usual_tasks"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    title: str
    description: str | None = None
    priority: int = 2


class TaskCreate(BaseModel):
    """What a client sends for a new task."""

    title: str


class TaskChange(BaseModel):
    """What a client changes in a task."""

    description: str


def _engine(url: str) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_pre_ping=True,
        pool_size=int(os.environ["POOL_SIZE"]),
        max_overflow=int(os.environ["MAX_OVERFLOW"]),
        pool_timeout=float(os.environ["POOL_TIMEOUT"]),
    )


def _reading(engine: AsyncEngine) -> Callable[[], AsyncIterator[AsyncSession]]:
    async def get_session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as session:
            yield session

    return get_session


def create_app() -> FastAPI:
    """The application, on the database that ``DATABASE_URL`` names.

    Where ``READ_URL`` names a replica, what only reads goes there.
    """
    engine = _engine(os.environ["DATABASE_URL"])
    read_engine = _engine(os.environ["READ_URL"]) if "READ_URL" in os.environ else engine
    sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
    read_session_dep = Depends(_reading(read_engine))

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with sessions() as session:
            try:
                yield session
                await session.commit()
            except Exception:
                await session.rollback()
                raise

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield
        await engine.dispose()
        await read_engine.dispose()

    app = FastAPI(lifespan=lifespan)
    app.state.get_session = get_session
    session_dep = Depends(get_session)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "healthy"}

    @app.post("/tasks", status_code=201)
    async def create_task(
        body: TaskCreate, session: Annotated[AsyncSession, session_dep]
    ) -> UsualTask:
        task = UsualTask(title=body.title)
        session.add(task)
        await session.flush()
        return task

    @app.get("/tasks/{task_id}")
    async def read_task(
        task_id: UUID, session: Annotated[AsyncSession, read_session_dep]
    ) -> UsualTask:
        task = await session.get(UsualTask, task_id)
        if task is None:
            raise HTTPException(404)
        return task

    @app.patch("/tasks/{task_id}")
    async def change_task(
        task_id: UUID, body: TaskChange, session: Annotated[AsyncSession, session_dep]
    ) -> UsualTask:
        task = await session.get(UsualTask, task_id)
        if task is None:
            raise HTTPException(404)
        task.description = body.description
        session.add(task)
        await session.flush()
        return task

    return app
