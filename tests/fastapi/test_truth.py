"""Cut wherever it waits, a request says of its work what the table says.

A request is driven step by step, from one place where it waits to the next. At each step of each
way to write, on both drivers, one thing happens to it: its deadline comes, its client goes, it is
cancelled from outside, or its connections break. That happens just after it began to wait, or just
before it hears what it waited for; and at turns of the event loop in between.

`pytest -s` shows how many cuts were made.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import suppress
from itertools import count, product
from typing import Any, Literal, get_args

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.types import Message, Scope

from tests.staging.patience import until
from wellhead import Database, DatabaseSettings
from wellhead.fastapi import RunDep, SessionDep, install
from wellhead.sessions.deadline import Deadline, Ending, current_deadline
from wellhead.testing.proxy import TCPProxy

pytestmark = pytest.mark.slow

Moment = Literal["waiting", "answered", "turn"]
Cut = Literal["deadline", "gone", "cancel", "kill"]

STRIDE = 11
"""Turns of the loop from one cut to the next; a request takes some hundreds."""

NOTE = text("INSERT INTO note VALUES (1)")

BUSY = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
"""

# A way to write, and the rows that it leaves when nothing happens to it.
WAYS = {
    "session-dep": 1,
    "run-dep": 1,
    "session": 1,
    "run": 1,
    "own-commit": 2,
    "savepoint": 2,
    "closed": 1,
    "two-databases": 2,
}


async def note(session: AsyncSession) -> None:
    await (await session.connection()).execute(NOTE)


def application(database: Database, other: Database) -> FastAPI:
    app = FastAPI()
    install(app, database)

    @app.post("/session-dep")
    async def by_session_dep(session: SessionDep) -> None:
        await note(session)

    @app.post("/run-dep")
    async def by_run_dep(run: RunDep) -> None:
        await run(note)

    @app.post("/session")
    async def by_session() -> None:
        async with database.session() as session:
            await note(session)

    @app.post("/run")
    async def by_run() -> None:
        await database.run(note)

    @app.post("/own-commit")
    async def by_own_commit(session: SessionDep) -> None:
        await note(session)
        await session.commit()
        await note(session)

    @app.post("/savepoint")
    async def in_a_savepoint(session: SessionDep) -> None:
        await note(session)
        async with session.begin_nested():
            await note(session)

    @app.post("/closed")
    async def by_closing(session: SessionDep) -> None:
        await note(session)
        await session.commit()
        await session.close()

    @app.post("/two-databases")
    async def in_two_databases(session: SessionDep) -> None:
        async with other.session() as another:
            await note(session)
            await note(another)

    return app


class Steps:
    """Drives a request, and lets something happen at one of the places where it waits.

    Args:
        request: What to drive.
        at: The place, counted from 1; or the turn of the loop.
        moment: When it happens there.
        event: What happens; takes the deadline that holds.
    """

    def __init__(
        self,
        request: Coroutine[Any, Any, None],
        at: int,
        moment: Moment,
        event: Callable[[Deadline | None], None],
    ) -> None:
        self._request = request
        self._at = at
        self._moment = moment
        self._event = event
        self._deadline: Deadline | None = None
        self.is_done = False
        self.taken = 0

    def __await__(self) -> Generator[Any, Any, None]:
        loop, thrown = asyncio.get_running_loop(), None
        if self._moment == "turn":
            loop.call_soon(self._turn, loop)
        while True:
            try:
                future = self._request.send(None) if thrown is None else self._request.throw(thrown)
            except StopIteration:
                self.is_done = True
                return
            thrown = None
            self._deadline = current_deadline.get()
            if self._moment != "turn":
                self._take(loop, future)
            try:
                yield future
            except BaseException as error:  # noqa: BLE001 - the request decides what becomes of it
                thrown = error

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.is_done:
            return
        self.taken += 1
        if self.taken == self._at:
            self._event(self._deadline)
        else:
            loop.call_soon(self._turn, loop)

    def _take(self, loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Any] | None") -> None:
        self.taken += 1
        if self.taken != self._at:
            return
        if future is not None and self._moment == "answered":
            # Before the request itself hears of it.
            future.add_done_callback(lambda _: self._event(self._deadline))
        else:
            loop.call_soon(self._event, self._deadline)


class Client:
    """What one client sends, and what it is told; the status is 0 where it is told nothing."""

    def __init__(self) -> None:
        self.status = 0
        self._body = b""
        self._has_sent = False

    async def receive(self) -> Message:
        if self._has_sent:
            await asyncio.Event().wait()
        self._has_sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self._body += message.get("body", b"")

    @property
    def told(self) -> dict[str, Any]:
        found = json.loads(self._body) if self._body else None
        return found if isinstance(found, dict) else {}

    def was_told_the_truth(self, rows: int, *, of: int) -> bool:
        """Whether it can be told so where so many rows of so many were committed."""
        if self.status in {0, 499} or self.told.get("type") == "urn:wellhead:outcome_unknown":
            return True
        return rows == (of if self.status < 300 else self.told.get("commits", 0))


class Stage:
    """Sends requests, and cuts them."""

    def __init__(
        self, app: FastAPI, proxy: TCPProxy, observer: "asyncpg.Connection[asyncpg.Record]"
    ) -> None:
        self._app = app
        self._proxy = proxy
        self._observer = observer
        self._killing: asyncio.Task[int] | None = None

    async def post(self, way: str, *, at: int, moment: Moment, cut: Cut) -> tuple[Client, int]:
        """Send a request, cut it there, and say how many steps it took."""
        client = Client()
        scope: Scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
            "scheme": "http", "path": f"/{way}", "raw_path": f"/{way}".encode(),
            "query_string": b"", "root_path": "", "headers": [], "client": ("127.0.0.1", 1),
            "server": ("test", 80),
        }  # fmt: skip
        request = self._app(scope, client.receive, client.send)
        steps = Steps(request, at, moment, lambda deadline: self._cut(cut, task, deadline))

        async def serve() -> None:
            await steps

        task = asyncio.create_task(serve())
        with suppress(asyncio.CancelledError):
            await task
        if self._killing is not None:
            await self._killing
            self._killing = None
        return client, steps.taken

    def _cut(self, cut: Cut, task: "asyncio.Task[None]", deadline: Deadline | None) -> None:
        if cut == "kill":
            self._killing = asyncio.create_task(self._proxy.reset_connections())
        elif cut == "cancel":
            task.cancel()
        elif deadline is not None:
            deadline.end(Ending.TIMEOUT if cut == "deadline" else Ending.GONE)

    async def rows(self) -> int:
        """The rows once nothing is under way on the servers' side any more."""
        await until(self._is_quiet)
        deleted: str = await self._observer.execute("DELETE FROM note")
        return int(deleted.removeprefix("DELETE "))

    async def _is_quiet(self) -> bool:
        return not await self._observer.fetchval(BUSY)


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
async def stage(
    request: pytest.FixtureRequest, proxied_url: str, database_url: str, proxy: TCPProxy
) -> AsyncIterator[Stage]:
    url = proxied_url.replace("postgresql", request.param, 1)
    settings = DatabaseSettings(url=url, pool_size=2, max_overflow=0)
    observer = await asyncpg.connect(database_url)
    await observer.execute("CREATE TABLE note (id int)")
    async with Database(settings) as database, Database(settings) as other:
        yield Stage(application(database, other), proxy, observer)
    await observer.close()


@pytest.mark.parametrize("way", WAYS)
async def test_wherever_a_request_is_cut_its_answer_is_true(stage: Stage, way: str) -> None:
    cuts, lies = 0, []
    for cut, moment in product(get_args(Cut), get_args(Moment)):
        for at in count(1, STRIDE if moment == "turn" else 1):
            client, taken = await stage.post(way, at=at, moment=moment, cut=cut)
            rows = await stage.rows()
            if not client.was_told_the_truth(rows, of=WAYS[way]):
                lies.append((cut, moment, at, client.status, client.told, rows))
            if taken < at:
                break
            cuts += 1

    sys.stdout.write(f" {way}: cut {cuts} times, {len(lies)} answers untrue\n")
    assert lies == []
    assert cuts > 4 * len(get_args(Cut))
