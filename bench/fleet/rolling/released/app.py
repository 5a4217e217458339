"""A small application in two releases, which serve at the same time on one schema.

``RELEASE`` says which one it is. The first writes what a task is about, and its urgency. The second
writes it a second time, folded for a search, and knows no urgency any more.
"""

import os
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel
from sqlalchemy import Column, Integer, MetaData, Table, Text, Uuid, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from wellhead import Database, DatabaseSettings, Query, compiled
from wellhead.fastapi import install, lifespan

TABLE = "released_tasks"


class TaskCreate(BaseModel):
    """What a client sends for a new task."""

    title: str


class TaskChange(BaseModel):
    """What a client changes in a task."""

    description: str


class TaskRead(BaseModel):
    """A task, as every release shows it."""

    id: UUID
    title: str
    description: str | None


class Release:
    """The statements of one release.

    Args:
        column: The column that the other release does not know.
    """

    def __init__(self, column: Column[Any]) -> None:
        self.table = Table(
            TABLE,
            MetaData(),
            Column("id", Uuid, primary_key=True),
            Column("title", Text),
            Column("description", Text),
            column,
        )
        known = self.table.c
        shown = known.id, known.title, known.description
        found = known.id == bindparam("task_id")
        self.create: Query[Any] = compiled(
            insert(self.table).values(self.created()).on_conflict_do_nothing(), is_repeatable=True
        )
        self.change: Query[TaskRead] = compiled(
            update(self.table).where(found).values(self.changed()).returning(*shown),
            into=TaskRead,
            is_repeatable=True,
        )
        self.find: Query[TaskRead] = compiled(select(*shown).where(found), into=TaskRead)

    def created(self) -> dict[str, Any]:
        """The values of a new task."""
        return {"id": bindparam("id"), "title": bindparam("title")}

    def changed(self) -> dict[str, Any]:
        """The values of a task that is changed."""
        return {"description": bindparam("description")}


class First(Release):
    """Writes how urgent a task is."""

    def __init__(self) -> None:
        super().__init__(Column("urgency", Integer))

    def created(self) -> dict[str, Any]:
        return {**super().created(), "urgency": 2}


class Second(Release):
    """Writes twice what a task is about, and knows no urgency."""

    def __init__(self) -> None:
        super().__init__(Column("search", Text))

    def created(self) -> dict[str, Any]:
        return {**super().created(), "search": func.lower(bindparam("title", type_=Text))}

    def changed(self) -> dict[str, Any]:
        words = func.concat_ws(" ", self.table.c.title, bindparam("description", type_=Text))
        return {**super().changed(), "search": func.lower(words)}


RELEASES: Mapping[str, Callable[[], Release]] = {"1": First, "2": Second}


def create_app() -> FastAPI:
    """The application in the release that ``RELEASE`` names."""
    database = Database(DatabaseSettings())
    app = FastAPI(lifespan=lifespan(database, drain_seconds=float(os.environ["DRAIN_SECONDS"])))
    install(app, database)
    release = RELEASES[os.environ["RELEASE"]]()

    @app.post("/tasks", status_code=201)
    async def create_task(
        body: TaskCreate, idempotency_key: Annotated[str | None, Header()] = None
    ) -> TaskRead:
        # The same key makes the same task, which is there once.
        known = uuid4() if idempotency_key is None else uuid5(NAMESPACE_URL, idempotency_key)
        await release.create.execute(database, id=known, title=body.title)
        return TaskRead(id=known, title=body.title, description=None)

    @app.patch("/tasks/{task_id}")
    async def change_task(task_id: UUID, body: TaskChange) -> TaskRead:
        changed = await release.change.one_or_none(
            database, task_id=task_id, description=body.description
        )
        return _there(changed)

    @app.get("/tasks/{task_id}")
    async def read_task(task_id: UUID) -> TaskRead:
        return _there(await release.find.one_or_none(database, task_id=task_id))

    return app


def _there(task: TaskRead | None) -> TaskRead:
    if task is None:
        raise HTTPException(404)
    return task
