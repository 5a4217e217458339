"""A database belongs to the event loop and the process that opened it; others are told so."""

import asyncio
import gc
import logging
import os
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import literal
from sqlmodel import select

from tests.staging.pki import TLSPostgres
from wellhead import Database, DatabaseSettings, PoolMisuseError

Work = Callable[[Database], Awaitable[int]]


async def ask(database: Database) -> int:
    async with database.reader() as reader:
        return (await reader.exec(select(literal(1)))).one()


async def open_and_ask(database: Database) -> int:
    await database.open()
    return await ask(database)


async def ask_within(database: Database) -> int:
    async with database:
        return await ask(database)


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
def either_settings(request: pytest.FixtureRequest, database_url: str) -> DatabaseSettings:
    """A database, for one driver and then for the other."""
    return DatabaseSettings(url=database_url.replace("postgresql", str(request.param), 1))


@pytest.fixture(autouse=True)
def _no_resource_warning() -> Iterator[None]:
    """What a loop leaves behind is closed by us, and not by the garbage collector with a word."""
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        yield
        gc.collect()


def sockets() -> int:
    """How many sockets this process has open."""
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        try:
            found += str(each.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return found


def test_each_run_may_open_and_close_the_same_database(either_settings: DatabaseSettings) -> None:
    database = Database(either_settings)

    assert [asyncio.run(ask_within(database)) for _ in range(3)] == [1, 1, 1]


def test_a_use_after_the_loop_has_ended_says_what_to_do(either_settings: DatabaseSettings) -> None:
    database = Database(either_settings)
    asyncio.run(database.open())
    with pytest.raises(
        PoolMisuseError, match=r"^The database postgresql.* which has ended"
    ) as caught:
        asyncio.run(ask(database))

    assert caught.value.hint is not None
    assert "async with database" in caught.value.hint
    assert "engine" not in str(caught.value)
    assert not database.is_open
    assert asyncio.run(ask_within(database)) == 1


def test_the_engine_says_the_same(either_settings: DatabaseSettings) -> None:
    async def use_engine() -> None:
        await database.engine.dispose()
        async with database.engine.connect():
            pass

    async def open_and_use_engine() -> None:
        await database.open()
        await use_engine()

    database = Database(either_settings)
    asyncio.run(open_and_use_engine())
    with pytest.raises(PoolMisuseError, match="async with database"):
        asyncio.run(database.engine.connect().__aenter__())
    asyncio.run(database.close())


def test_what_a_loop_left_open_is_dropped_by_the_next_opening(
    either_settings: DatabaseSettings, caplog: pytest.LogCaptureFixture
) -> None:
    database, before = Database(either_settings), sockets()
    asyncio.run(open_and_ask(database))
    is_open = database.is_open
    with caplog.at_level(logging.WARNING, "wellhead.database"):
        found = asyncio.run(ask_within(database))

    assert (is_open, found, sockets()) == (False, 1, before)
    assert [each.event for each in caplog.records] == ["database_left_open"]  # type: ignore[attr-defined]
    assert "1 of its connections were dropped" in caplog.text


def test_what_a_loop_left_open_can_be_closed_from_another(
    either_settings: DatabaseSettings,
) -> None:
    database, before = Database(either_settings), sockets()
    asyncio.run(open_and_ask(database))
    asyncio.run(database.close())

    assert (database.is_open, sockets()) == (False, before)
    assert asyncio.run(ask_within(database)) == 1


def test_a_session_that_a_loop_left_in_use_is_dropped_with_it(
    either_settings: DatabaseSettings,
) -> None:
    async def keep() -> object:
        await database.open()
        session = database.engine.connect()
        await session.start()
        await session.execute(select(literal(1)))
        return session

    database, before = Database(either_settings), sockets()
    kept = asyncio.run(keep())
    asyncio.run(ask_within(database))

    assert kept is not None
    assert sockets() == before


def test_one_that_was_not_reached_yet_is_forgotten_with_its_loop(
    either_settings: DatabaseSettings,
) -> None:
    nowhere = either_settings.model_copy(
        update={"url": "postgresql://a:b@127.0.0.1:1/c", "start_degraded": True}
    )
    database = Database(nowhere)
    asyncio.run(database.open())
    asyncio.run(database.close())

    assert not database.is_open


@pytest.mark.parametrize("work", [ask, open_and_ask, ask_within], ids=["use", "open", "within"])
def test_the_loop_of_another_thread_is_refused_and_disturbs_nobody(
    either_settings: DatabaseSettings, work: Work
) -> None:
    database, is_there, may_end = Database(either_settings), Event(), Event()
    found: list[int] = []

    async def serve() -> None:
        async with database:
            is_there.set()
            await asyncio.to_thread(may_end.wait)
            found.append(await ask(database))

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    is_there.wait()
    try:
        with pytest.raises(PoolMisuseError, match="run_coroutine_threadsafe"):
            asyncio.run(work(database))  # type: ignore[arg-type]  # a coroutine
        with pytest.raises(PoolMisuseError, match="run_coroutine_threadsafe"):
            asyncio.run(database.close())
    finally:
        may_end.set()
        thread.join()

    assert found == [1]
    assert asyncio.run(ask_within(database)) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_opens_it_again_and_leaves_the_parents_connections_alone(
    either_settings: DatabaseSettings, caplog: pytest.LogCaptureFixture
) -> None:
    def as_child() -> int:
        if database.is_open:
            return 2
        try:
            asyncio.run(ask(database))
        except PoolMisuseError as error:
            if "in this process: async with database:" not in str(error):
                return 3
        answers = [asyncio.run(ask_within(database)), asyncio.run(ask_within(database))]
        return 0 if answers == [1, 1] and not caplog.records else 4

    async def backend() -> tuple[int, int]:
        return await ask(database), database.stats().opened

    database = Database(either_settings)
    caplog.set_level(logging.WARNING, "wellhead.database")
    with asyncio.Runner() as runner:
        runner.run(open_and_ask(database))
        child = os.fork()
        if child == 0:
            said = 1
            try:
                asyncio.set_event_loop(None)
                said = as_child()
            finally:
                sys.stderr.flush()
                os._exit(said)
        _, status = os.waitpid(child, 0)
        afterwards = runner.run(backend())
        runner.run(database.close())

    assert os.waitstatus_to_exitcode(status) == 0
    assert afterwards == (1, 1)


def test_encrypted_connections_of_an_ended_loop_are_closed_too(tls_postgres: TLSPostgres) -> None:
    database = Database(DatabaseSettings(url=f"{tls_postgres.url}?sslmode=require"))
    before = sockets()
    asyncio.run(open_and_ask(database))
    asyncio.run(database.close())

    assert sockets() == before
