"""What each layer of a request costs, in Python calls, which do not depend on the machine.

``.venv-bench/bin/python -m bench.speed.budget`` prints the figures of docs/explanation/speed.md.
"""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import asyncpg
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from bench.speed.calls import calls_of
from bench.speed.item import INSERT, SELECT, Item, NewItem
from bench.speed.peers.wellhead_compiled import add, find
from bench.speed.peers.wellhead_session import StoredItem, database
from bench.speed.table import database_of, make
from tests.staging.in_process import ask
from wellhead import Database
from wellhead.embedded import EmbeddedPostgres
from wellhead.fastapi import ReaderDep, SessionDep, install

Route = Callable[..., Awaitable[Any]]

_ROWS, _TURNS = 10, 50
_NEW = NewItem.model_validate({"title": "Water the plants", "due_at": "2026-06-01T08:30:00Z"})
_ITEM = Item(id=1, **_NEW.model_dump())

LAYERS = (
    ("FastAPI, a route that asks no database", "nothing", ""),
    (
        "`install`: deadline, client that may go, late commits, draining",
        "without probes",
        "nothing",
    ),
    ("`install`: six routes for the probes", "installed", "without probes"),
    ("`ReaderDep`", "reader", "installed"),
    ("its `get`", "reader.get", "reader"),
    ("a bare `AsyncSession` in autocommit, for a `get`", "bare get", "nothing"),
    ("`SessionDep`, unused", "session", "installed"),
    ("its add, flush and COMMIT", "session.add", "session"),
    ("a bare `AsyncSession`, for begin, add, flush and COMMIT", "bare add", "nothing"),
    ("a compiled read", "compiled get", "installed"),
    ("asyncpg by hand, for a read", "asyncpg get", "nothing"),
    ("a compiled write", "compiled add", "installed"),
    ("asyncpg by hand, for a write", "asyncpg add", "nothing"),
)
"""A name, the route that has it, and the route that has all but that."""


class Routes:
    """The same route, each with a little more of one thing.

    Args:
        pool: asyncpg's.
        engine: SQLAlchemy's, on which nothing is set.
        held: Wellhead's database.
    """

    def __init__(self, pool: Any, engine: AsyncEngine, held: Database) -> None:
        self._pool = pool
        self._engine = engine
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._held = held

    def applications(self) -> dict[str, FastAPI]:
        """One for each, since a router looks at one route after the other."""
        bare: dict[str, Route] = {
            "nothing": self.nothing, "bare get": self.bare_get, "bare add": self.bare_add,
            "asyncpg get": self.asyncpg_get, "asyncpg add": self.asyncpg_add,
        }  # fmt: skip
        ours: dict[str, Route] = {
            "without probes": self.nothing, "installed": self.nothing, "reader": self.reader,
            "reader.get": self.reader_get, "session": self.session,
            "session.add": self.session_add, "compiled get": self.compiled_get,
            "compiled add": self.compiled_add,
        }  # fmt: skip
        found = {}
        for name, route in (bare | ours).items():
            app = found[name] = FastAPI()
            if name in ours:
                install(app, self._held, probes=name != "without probes")
            app.add_api_route("/", route, response_model=Item)
        return found

    async def nothing(self) -> Any:
        """Asks no database."""
        return _ITEM

    async def reader(self, reader: ReaderDep) -> Any:
        """Has a reader."""
        del reader
        return _ITEM

    async def reader_get(self, reader: ReaderDep) -> Any:
        """Uses it."""
        return await reader.get(StoredItem, 1)

    async def bare_get(self) -> Any:
        """The same as SQLAlchemy does it."""
        async with AsyncSession(self._reading) as session:
            return await session.get(StoredItem, 1)

    async def session(self, session: SessionDep) -> Any:
        """Has a session."""
        del session
        return _ITEM

    async def session_add(self, session: SessionDep) -> Any:
        """Uses it."""
        session.add(item := StoredItem(**_NEW.model_dump()))
        await session.flush()
        return item

    async def bare_add(self) -> Any:
        """The same as SQLAlchemy does it."""
        async with AsyncSession(self._engine, expire_on_commit=False) as session:
            session.add(item := StoredItem(**_NEW.model_dump()))
            await session.commit()
            return item

    async def compiled_get(self) -> Any:
        """A compiled query that reads."""
        return await find.one(self._held, item_id=1)

    async def compiled_add(self) -> Any:
        """A compiled query that writes."""
        return await add.one(self._held, **_NEW.model_dump())

    async def asyncpg_get(self) -> Any:
        """The same by hand."""
        return dict(await self._pool.fetchrow(SELECT, 1))

    async def asyncpg_add(self) -> Any:
        """The same by hand."""
        new = _NEW
        values = new.title, new.description, new.priority, new.done, new.due_at
        return dict(await self._pool.fetchrow(INSERT, *values))


async def _calls_of(app: FastAPI) -> int:
    """The Python functions that one request calls in process, once everything is warm."""
    for _ in range(_TURNS):
        assert await ask(app, "/") == HTTPStatus.OK  # noqa: S101 - what failed is no figure
    return round(await calls_of([partial(ask, app, "/")] * _TURNS) / _TURNS)


async def budget(url: str) -> str:
    """The table.

    Args:
        url: A database with the table of all peers.
    """
    os.environ["DATABASE_URL"] = url

    async def no_reset(connection: Any) -> None:
        del connection

    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(asyncpg.create_pool(url, min_size=1, reset=no_reset))
        engine = create_async_engine(url.replace("postgresql", "postgresql+asyncpg", 1))
        stack.push_async_callback(engine.dispose)
        held = await stack.enter_async_context(database())
        routes = Routes(pool, engine, held).applications()
        calls = {"": 0} | {name: await _calls_of(app) for name, app in routes.items()}
    lines = [f"| {name} | {calls[whole] - calls[part]} |" for name, whole, part in LAYERS]
    return "\n".join(["| | Python calls |", "|---|---|", *lines])


def main() -> None:
    """Print it."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        with EmbeddedPostgres(directory, durable=False) as postgres:
            asyncio.run(make(postgres.url, _ROWS))
            print(asyncio.run(budget(database_of(postgres.url, _ROWS))))


if __name__ == "__main__":
    main()
