"""The application's set-up of connections: on every one from the very first, and after resets."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import func, text
from sqlmodel import select

from tests.staging.patience import SECONDS, until
from wellhead import (
    ConfigurationError,
    Database,
    DatabaseSettings,
    Fault,
    SettingsError,
    SetUpError,
    UnreachableError,
    classify,
)
from wellhead.connecting import asyncpg_connection, connector, probing
from wellhead.health import health
from wellhead.pool import AsyncPool
from wellhead.sessions.commits import counting_commits
from wellhead.testing.proxy import TCPProxy

SECRET = "hush-hush"
ZONE = "Asia/Tokyo"


def settings_for(url: str, **values: Any) -> DatabaseSettings:
    return DatabaseSettings(url=url, connect_retry_count=1, **values)


async def set_zone(connection: Any) -> None:
    await connection.execute(f"SET TIME ZONE '{ZONE}'")


async def zone(database: Database) -> Any:
    async with database.reader() as reader:
        return (await reader.exec(select(func.current_setting("timezone")))).one()


@pytest.mark.parametrize("mode", ["pool", "none"])
async def test_every_connection_is_set_up_from_the_very_first(either_url: str, mode: str) -> None:
    settings = settings_for(either_url, pool_size=3, max_overflow=0, pool_mode=mode)
    together = asyncio.Barrier(3)
    async with Database(settings, set_up=set_zone) as database:

        async def use() -> Any:
            async with database.session() as session:
                connection = await session.connection()
                await together.wait()
                return await connection.scalar(text("SELECT current_setting('timezone')"))

        assert await asyncio.gather(*(use() for _ in range(3))) == [ZONE] * 3


async def test_it_is_given_the_drivers_own_object(either_url: str) -> None:
    seen: list[Any] = []

    async def note(connection: Any) -> None:
        seen.append(connection)

    async with Database(settings_for(either_url), set_up=note) as database:
        pool = database.engine.sync_engine.pool
        assert isinstance(pool, AsyncPool)
        async with pool.driver_connection() as connection:
            assert seen == [connection]


async def test_a_codec_serves_sessions(database_url: str) -> None:
    async def know_points(connection: Any) -> None:
        await connection.set_type_codec(
            "macaddr", schema="pg_catalog", encoder=str, decoder=lambda value: f"<{value}>"
        )

    async with (
        Database(settings_for(database_url), set_up=know_points) as database,
        database.session() as session,
    ):
        connection = await session.connection()
        found = await connection.scalar(text("SELECT '00:00:5e:00:53:af'::macaddr"))

    assert found == "<00:00:5e:00:53:af>"


async def test_the_probe_asks_on_a_connection_that_is_set_up(
    either_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "FRESH_FOR", 0.0)
    zones = []

    async def note(connection: Any, *_: Any) -> bool:
        if isinstance(connection, asyncpg.Connection):
            zones.append(await connection.fetchval("SELECT current_setting('timezone')"))
        else:
            cursor = await connection.execute("SELECT current_setting('timezone')")
            zones.extend(await cursor.fetchone())
        return False

    monkeypatch.setattr(probing, "_is_read_only", note)
    async with Database(settings_for(either_url), set_up=set_zone) as database:
        assert (await database.check()).state == "connected"

    assert zones == [ZONE]


async def test_after_a_reset_it_runs_again(either_url: str) -> None:
    times = 0

    async def count(connection: Any) -> None:
        nonlocal times
        times += 1
        await set_zone(connection)

    settings = settings_for(either_url, pool_size=1, max_overflow=0)
    async with Database(settings, set_up=count) as database:
        async with database.session() as session:
            await (await session.connection()).execute(text("SET TIME ZONE 'UTC'"))
        await until(lambda: times == 2)

        assert await zone(database) == ZONE
        assert database.stats().opened == 1


async def test_what_hears_notifications_is_there_once_after_a_reset(either_url: str) -> None:
    heard: list[str] = []

    async def listen(connection: Any) -> None:
        if isinstance(connection, asyncpg.Connection):
            await connection.add_listener("news", lambda *message: heard.append(message[3]))
        else:
            connection.add_notify_handler(lambda message: heard.append(message.payload))
            await connection.execute("LISTEN news")

    settings = settings_for(either_url, pool_size=1, max_overflow=0)
    async with Database(settings, set_up=listen) as database:
        async with database.session() as session:
            await (await session.connection()).execute(text("SET TIME ZONE 'UTC'"))
        await zone(database)
        async with database.session() as session:
            await (await session.connection()).execute(text("NOTIFY news, 'hello'"))
        await zone(database)
        await until(lambda: heard)

        assert (heard, database.stats().opened) == (["hello"], 1)


async def test_a_set_up_that_fails_after_a_reset_costs_the_connection(
    either_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    times = 0

    async def fail_once(_: Any) -> None:
        nonlocal times
        times += 1
        if times == 2:
            raise ValueError(SECRET)

    settings = settings_for(either_url, pool_size=1, max_overflow=0)
    async with Database(settings, set_up=fail_once) as database:
        async with database.session() as session:
            await (await session.connection()).execute(text("SET TIME ZONE 'UTC'"))
        await zone(database)
        stats = database.stats()

    assert (stats.opened, stats.closed["unclean"], times) == (2, 1, 3)
    assert "ValueError" in caplog.text
    assert SECRET not in caplog.text


async def test_its_commit_is_not_taken_for_one_of_the_work(either_url: str) -> None:
    async def commit(connection: Any) -> None:
        async with connection.transaction():
            await connection.execute("SELECT 1")

    async with Database(settings_for(either_url, pool_mode="none"), set_up=commit) as database:
        with counting_commits() as commits:
            await zone(database)

    assert commits.is_empty


# What goes wrong with it.


async def fails(_: Any) -> None:
    raise ValueError(SECRET)


async def does_what_is_unknown(connection: Any) -> None:
    await connection.execute("SELECT no_such_function(1)")


async def leaves_a_transaction(connection: Any) -> None:
    await connection.execute("BEGIN")


async def leaves_an_operation(connection: Any) -> None:
    # The server passes over a request to cancel what it has not read yet.
    begun = asyncio.Event()
    if isinstance(connection, asyncpg.Connection):
        connection.add_log_listener(lambda *_: begun.set())
    else:
        connection.add_notice_handler(lambda _: begun.set())
    sleep = asyncio.ensure_future(
        connection.execute("DO $$ BEGIN RAISE NOTICE 'begun'; PERFORM pg_sleep(3600); END $$")
    )
    sleep.add_done_callback(lambda done: done.cancelled() or done.exception())
    await begun.wait()


async def cancels_itself(_: Any) -> None:
    raise asyncio.CancelledError


FAULTS = [
    (fails, SetUpError, "ValueError in"),
    (does_what_is_unknown, SetUpError, "SQLSTATE 42883"),
    (leaves_a_transaction, SetUpError, "transaction or an operation"),
    (leaves_an_operation, SetUpError, "operation in progress"),
    (lambda _: None, ConfigurationError, "async function"),
]


async def connections(url: str) -> int:
    admin = await asyncpg.connect(url)
    try:
        found = await admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        return int(found)
    finally:
        await admin.close()


@pytest.mark.parametrize("mode", ["pool", "none"])
@pytest.mark.parametrize(("set_up", "kind", "why"), FAULTS)
async def test_a_set_up_that_fails_is_a_clear_error_and_leaves_no_connection(
    either_url: str,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    set_up: Any,
    kind: Any,
    why: str,
    mode: str,
) -> None:
    # A busy server cancels late.
    for module in (connector, asyncpg_connection):
        monkeypatch.setattr(module, "CLOSE_TIMEOUT", SECONDS)
    database = Database(settings_for(either_url, pool_mode=mode), set_up=set_up)
    with pytest.raises(kind, match=why) as caught:
        await database.open()

    async def none_is_left() -> bool:
        return await connections(database_url) == 0

    await until(none_is_left)
    assert SECRET not in str(caught.value)


async def test_a_failed_set_up_is_known_as_a_failure_to_connect(either_url: str) -> None:
    with pytest.raises(SetUpError) as caught:
        await Database(settings_for(either_url), set_up=fails).open()

    assert isinstance(caught.value.__cause__, ValueError)
    assert classify(caught.value).fault is Fault.REFUSED


@pytest.mark.parametrize("mode", ["pool", "none"])
async def test_a_set_up_that_does_not_end_is_named_at_the_deadline(
    either_url: str, database_url: str, mode: str
) -> None:
    async def hang(_: Any) -> None:
        await asyncio.Event().wait()

    settings = settings_for(either_url, pool_mode=mode, connect_timeout=1)
    with pytest.raises(UnreachableError, match="set_up did not finish within 1 s"):
        await Database(settings, set_up=hang).open()

    async def none_is_left() -> bool:
        return await connections(database_url) == 0

    await until(none_is_left)


@pytest.mark.parametrize("mode", ["pool", "none"])
async def test_a_set_up_is_named_when_the_server_is_silent_at_the_deadline(
    proxied_url: str, proxy: TCPProxy, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(asyncpg_connection, "CLOSE_TIMEOUT", 0.2)

    async def lose_the_network(connection: Any) -> None:
        proxy.stall()
        await connection.execute("SELECT 1")

    settings = settings_for(proxied_url, pool_mode=mode, connect_timeout=1)
    with pytest.raises(UnreachableError, match="set_up did not finish within 1 s"):
        await Database(settings, set_up=lose_the_network).open()


async def test_a_set_up_is_named_where_python_names_no_cause_for_a_timeout(
    either_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = asyncio.Timeout.__aexit__

    async def as_in_3_11_2(limit: asyncio.Timeout, *exc_info: Any) -> None:
        try:
            await usual(limit, *exc_info)
        except TimeoutError as error:
            error.__cause__ = None
            raise

    async def hang(_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.Timeout, "__aexit__", as_in_3_11_2)
    settings = settings_for(either_url, connect_timeout=1)
    with pytest.raises(UnreachableError, match="set_up did not finish within 1 s"):
        await Database(settings, set_up=hang).open()


async def test_no_place_in_the_pool_is_lost_to_a_set_up_that_is_cancelled(
    either_url: str,
) -> None:
    is_broken = False

    async def cancel(connection: Any) -> None:
        if is_broken:
            await cancels_itself(connection)

    settings = settings_for(either_url, pool_size=1, max_overflow=0)
    async with Database(settings, set_up=cancel) as database:
        database.pool.retire_all()
        is_broken = True
        with pytest.raises(Exception, match="CancelledError"):
            await zone(database)
        is_broken = False

        assert await zone(database)
        assert database.stats().total == 1


def test_a_set_up_that_cannot_be_called_is_refused_at_once() -> None:
    with pytest.raises(SettingsError, match="set_up"):
        Database(DatabaseSettings(url="postgresql://u:p@h/d"), set_up="SET x")  # type: ignore[arg-type]


# Behind a transaction pooler.


def doing(statement: str) -> Callable[[Any], Awaitable[None]]:
    async def do(connection: Any) -> None:
        await connection.execute(statement)

    return do


LASTING = [
    ("SET TIME ZONE 'UTC'", "SET TimeZone"),
    ("SELECT set_config('timezone', 'Asia/Tokyo', false)", "SET TimeZone"),
    ("SET SESSION AUTHORIZATION DEFAULT", "SET"),
    ("LISTEN news", "LISTEN"),
    ("PREPARE own AS SELECT 1", "PREPARE own"),
    ("SELECT pg_advisory_lock(7)", "advisory lock"),
    ("CREATE TEMP TABLE pond (id int)", "CREATE TEMPORARY pond"),
    ("SELECT 1 AS id INTO TEMP pond", "CREATE TEMPORARY pond"),
    ("CREATE TABLE pond (id int)", "change of data"),
    ("LOAD 'plpgsql'", "LOAD"),
    ("COMMIT", "ended the transaction"),
]


@pytest.mark.parametrize(("statement", "named"), LASTING)
async def test_behind_a_transaction_pooler_what_does_not_last_is_refused(
    either_url: str, statement: str, named: str
) -> None:
    settings = settings_for(f"{either_url}?pgbouncer=true")

    with pytest.raises(SetUpError, match=named):
        await Database(settings, set_up=doing(statement)).open()


async def test_behind_a_transaction_pooler_the_drivers_own_listener_is_refused(
    proxied_url: str,
) -> None:
    async def listen(connection: Any) -> None:
        await connection.add_listener("news", lambda *_: None)

    with pytest.raises(SetUpError, match="LISTEN"):
        await Database(settings_for(f"{proxied_url}?pgbouncer=true"), set_up=listen).open()


async def test_behind_a_transaction_pooler_blocks_and_questions_are_fine(either_url: str) -> None:
    async def ask(connection: Any) -> None:
        async with connection.transaction():
            await connection.execute("SELECT typname FROM pg_type LIMIT 1")

    async with Database(settings_for(f"{either_url}?pgbouncer=true"), set_up=ask) as database:
        assert await zone(database)


async def test_behind_a_transaction_pooler_a_failure_that_was_passed_over_is_told(
    either_url: str,
) -> None:
    async def go_on(connection: Any) -> None:
        with pytest.raises(Exception, match="no_such_function"):
            await does_what_is_unknown(connection)

    with pytest.raises(SetUpError, match="25P02"):
        await Database(settings_for(f"{either_url}?pgbouncer=true"), set_up=go_on).open()
