"""Clients of an application with replicas: each sees what it wrote, and never an older state."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text, update

from tests.staging.fleet import Fleet
from tests.staging.notes import NOTES, by_query, by_session
from tests.staging.patience import until
from tests.staging.server import serve
from wellhead import ConfigurationError, Database, DatabaseSettings
from wellhead.fastapi import ReaderDep, RunDep, SessionDep, install, lifespan
from wellhead.fastapi.read_after import COOKIE, HEADER

_READ = select(NOTES.c.text)


def application(database: Database) -> FastAPI:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)

    @app.get("/note")
    async def read(reader: ReaderDep) -> str:
        said: str = await reader.scalar(_READ)
        return said

    @app.get("/compiled")
    async def read_compiled() -> str | None:
        return await by_query(database)

    @app.get("/latest")
    async def read_latest(session: SessionDep) -> str:
        said: str = (await session.scalars(_READ)).one()
        return said

    @app.put("/note")
    async def write(said: str, session: SessionDep) -> None:
        await session.execute(update(NOTES).values(text=said))

    @app.put("/run")
    async def write_in_run(said: str, run: RunDep) -> None:
        await run(lambda session: session.execute(update(NOTES).values(text=said)))

    @app.put("/own")
    async def write_in_own_session(said: str) -> None:
        await by_session(database, said)

    @app.get("/nothing")
    async def do_nothing() -> None:
        return None

    @app.get("/held")
    async def read_and_wait(reader: ReaderDep) -> str:
        said: str = await reader.scalar(_READ)
        app.state.has_read.set()
        await app.state.may_respond.wait()
        return said

    @app.put("/failing")
    async def fail(session: SessionDep) -> None:
        await session.execute(text("SELECT 1 / 0"))

    return app


class Server:
    """A served application, and its clients.

    Attributes:
        base: Its URL.
        database: Its database.
        has_read: Set when ``/held`` has read.
        may_respond: Lets ``/held`` respond.
    """

    def __init__(self, base: str, database: Database, app: FastAPI) -> None:
        self.base = base
        self.database = database
        self.has_read, self.may_respond = asyncio.Event(), asyncio.Event()
        app.state.has_read, app.state.may_respond = self.has_read, self.may_respond

    def client(self) -> httpx2.AsyncClient:
        """Another browser."""
        return httpx2.AsyncClient(base_url=self.base, verify=False)


@asynccontextmanager
async def served(fleet: Fleet, **changes: Any) -> AsyncIterator[Server]:
    database = Database(fleet.settings(**{"replica_wait": 0, **changes}))
    app = application(database)
    async with serve(app) as base:
        server = Server(base, database, app)
        async with server.client() as client:
            await client.get("/note")
        await until(lambda: all(each.is_up for each in database.replica_stats()))
        fleet.reset()
        yield server


@pytest.mark.parametrize("write", ["/note", "/run", "/own"])
@pytest.mark.parametrize("read", ["/note", "/compiled"])
async def test_a_browser_sees_what_it_wrote(fleet: Fleet, write: str, read: str) -> None:
    async with served(fleet) as server, server.client() as one, server.client() as other:
        await fleet.replication.standbys[0].pause_replay()

        assert (await one.put(write, params={"said": "second"})).status_code == 200

        assert (await one.get(read)).json() == "second"
        assert (await other.get(read)).json() == "first"


async def test_a_client_without_cookies_sends_the_header_back(fleet: Fleet) -> None:
    async with served(fleet) as server, server.client() as one, server.client() as other:
        await fleet.replication.standbys[0].pause_replay()
        mark = (await one.put("/note", params={"said": "second"})).headers[HEADER]

        assert (await other.get("/note", headers={HEADER: mark})).json() == "second"


async def test_it_holds_in_another_process(fleet: Fleet) -> None:
    async with served(fleet) as one, served(fleet) as two, one.client() as client:
        await fleet.replication.standbys[0].pause_replay()
        await client.put("/note", params={"said": "second"})

        assert (await client.get(f"{two.base}/note")).json() == "second"


async def test_what_was_read_in_a_session_is_never_unseen(fleet: Fleet) -> None:
    async with served(fleet) as server, server.client() as client:
        await fleet.replication.standbys[0].pause_replay()
        await by_session(server.database, "second")

        assert (await client.get("/latest")).json() == "second"
        assert (await client.get("/note")).json() == "second"


async def test_what_was_read_at_one_replica_is_never_unseen_at_another(fleet: Fleet) -> None:
    one, other = fleet.replication.standbys
    async with served(fleet, replicas=2) as server:
        await other.pause_replay()
        await by_session(server.database, "second")
        await one.wait_for(await fleet.replication.primary.written())

        shown = []
        for _ in range(4):
            async with server.client() as client:
                shown.append([(await client.get("/note")).json() for _ in range(3)])

    assert ["first"] * 3 in shown
    assert ["second"] * 3 in shown
    assert all(len(set(each)) == 1 for each in shown)


async def test_a_write_costs_one_round_trip_more_and_a_read_at_the_replica_none(
    fleet: Fleet,
) -> None:
    async with served(fleet) as server, server.client() as client:
        for _ in range(2):
            await client.put("/note", params={"said": "second"})
            await client.get("/compiled")
        fleet.reset()

        await client.put("/note", params={"said": "third"})
        # BEGIN, UPDATE, COMMIT, and the position.
        assert fleet.round_trips[0] == 4
        assert fleet.round_trips[1] == 0

        await fleet.replication.catch_up()
        await client.get("/compiled")
        await client.get("/compiled")
        assert fleet.round_trips[0] == 4


async def test_a_request_that_uses_no_database_gets_no_cookie(fleet: Fleet) -> None:
    async with served(fleet) as server, server.client() as client:
        response = await client.get("/nothing")

        assert "set-cookie" not in response.headers
        assert HEADER not in response.headers
        assert fleet.round_trips == [0, 0, 0]


async def test_the_probes_ask_nobody(fleet: Fleet) -> None:
    async with served(fleet) as server, server.client() as client:
        await client.get("/health/ready")
        fleet.reset()

        response = await client.get("/health/ready")

        assert "set-cookie" not in response.headers
        assert fleet.round_trips[1:] == [0, 0]


async def test_the_cookie_is_for_nobody_but_the_server_and_does_not_last(fleet: Fleet) -> None:
    async with served(fleet) as server, server.client() as client:
        cookie = (await client.put("/note", params={"said": "second"})).headers["set-cookie"]

    name, *attributes = cookie.split("; ")
    assert name.startswith(COOKIE)
    assert set(attributes) == {"Max-Age=360", "Path=/", "HttpOnly", "SameSite=Lax"}


async def test_a_response_that_arrives_late_takes_nothing_back(fleet: Fleet) -> None:
    async with served(fleet) as server, server.client() as client:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(client.get("/held"))
            await server.has_read.wait()
            await fleet.replication.standbys[0].pause_replay()
            await client.put("/note", params={"said": "second"})
            server.may_respond.set()

        assert reading.result().json() == "first"
        assert len(client.cookies) == 2
        assert (await client.get("/note")).json() == "second"
        # What both have said is in one again.
        assert len(client.cookies) == 1
        assert (await client.get("/note")).json() == "second"


async def test_a_client_may_send_the_headers_of_several_responses(fleet: Fleet) -> None:
    async with served(fleet) as server, server.client() as one, server.client() as other:
        read = (await one.get("/note")).headers[HEADER]
        await fleet.replication.standbys[0].pause_replay()
        written = (await one.put("/note", params={"said": "second"})).headers[HEADER]

        for both in (f"{read}, {written}", f"{written},{read}"):
            other.cookies.clear()
            assert (await other.get("/note", headers={HEADER: both})).json() == "second"


async def test_it_is_sent_again_only_when_the_client_has_seen_more(fleet: Fleet) -> None:
    async with served(fleet) as server, server.client() as client:
        first = await client.get("/compiled")
        second = await client.get("/compiled")

        assert "set-cookie" in first.headers
        assert "set-cookie" not in second.headers


@pytest.mark.parametrize("value", ["", "x", "6b49d200!default=0/1.AAAA", "é"])
async def test_a_value_that_was_not_signed_is_ignored(fleet: Fleet, value: str) -> None:
    async with served(fleet) as server, server.client() as client:
        given = {HEADER: value, "Cookie": f"{COOKIE}0123abcd={value}"}
        headers = [(name.encode(), each.encode("latin-1")) for name, each in given.items()]

        response = await client.get("/note", headers=headers)

        assert (response.status_code, response.json()) == (200, "first")


async def test_a_failed_request_says_what_the_client_has_seen_all_the_same(fleet: Fleet) -> None:
    async with served(fleet) as server, server.client() as client:
        response = await client.put("/failing")

        assert response.status_code == 422
        assert COOKIE in response.headers["set-cookie"]


async def test_if_the_primary_does_not_say_its_position_the_client_reads_there(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(fleet) as server, server.client() as client:

        async def do_not_say(*_: object, **__: object) -> None:
            raise TimeoutError

        with monkeypatch.context() as patched:
            patched.setattr("wellhead.replicas.router.LogPosition.of", do_not_say)
            await client.put("/note", params={"said": "second"})
        await fleet.replication.catch_up()
        fleet.reset()

        assert (await client.get("/compiled")).json() == "second"
        assert fleet.round_trips[0] > 0
        assert fleet.round_trips[1] == 0

        # That response has said it.
        await fleet.replication.catch_up()
        await client.get("/compiled")
        assert fleet.round_trips[1] > 0


async def test_without_its_primary_it_goes_on_reading_and_stays_ready(fleet: Fleet) -> None:
    short = {"connect_timeout": 1, "pool_timeout": 1.5, "pool_check_after_idle": 0}
    async with served(fleet, **short) as server, server.client() as one, server.client() as other:
        assert (await one.put("/note", params={"said": "second"})).status_code == 200
        await fleet.replication.catch_up()
        await fleet.primary.refuse()
        await fleet.primary.cut()
        assert (await other.put("/note", params={"said": "third"})).status_code == 503

        assert (await one.get("/note")).json() == "second"
        assert (await other.get("/note")).json() == "second"
        ready = await one.get("/health/ready")
        assert (ready.status_code, ready.json()["database"]) == (200, "unavailable")
        assert (await one.get("/health/db")).status_code == 503
        await fleet.primary.accept()


@pytest.mark.parametrize(
    "source",
    [{"replica_url": "postgresql://u@two/shop"}, {"patroni_url": "http://one:8008"}],
    ids=["list", "patroni"],
)
def test_an_application_with_replicas_needs_the_key(source: dict[str, Any]) -> None:
    database = Database(DatabaseSettings(url="postgresql://u@one/shop", **source))

    with pytest.raises(ConfigurationError, match="DATABASE_REPLICA_KEY is not set"):
        install(FastAPI(), database)


def test_without_replicas_the_application_has_no_such_middleware() -> None:
    app = FastAPI()
    install(app, Database(DatabaseSettings(url="postgresql://u@one/shop")))

    assert "Farewell" in str(app.user_middleware)
    assert "ReadAfter" not in str(app.user_middleware)
