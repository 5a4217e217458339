"""Readers of one tenant: settings that hold for all of a reader, and for nobody after it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from sqlalchemy import bindparam, event, func, insert, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.orm import Session, registry
from sqlmodel import Field, SQLModel, col, select

from tests.staging.patience import until
from wellhead import Database, DatabaseSettings, ReadOnlyError, compiled
from wellhead.testing.proxy import TCPProxy


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Invoice(Table, table=True):
    """A row that belongs to a tenant."""

    id: int = Field(primary_key=True)
    tenant: str
    cents: int


EVERY_ROW = select(Invoice.cents).order_by(col(Invoice.id))
A_ONLY, B_ONLY = [1, 2], [3]
POLICY = (
    "DROP ROLE IF EXISTS tenants",
    "CREATE ROLE tenants NOLOGIN",
    "GRANT ALL ON invoice TO tenants",
    "ALTER TABLE invoice ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY own ON invoice USING (tenant = current_setting('app.tenant', true))",
    """CREATE FUNCTION fail_to_serialize() RETURNS int LANGUAGE plpgsql AS
    $$ BEGIN RAISE SQLSTATE '40001'; END $$""",
)

every = compiled(EVERY_ROW)
add = compiled(
    insert(Invoice)
    .values(id=bindparam("id"), tenant=bindparam("tenant"), cents=9)
    .returning(col(Invoice.id))
)


async def step_down(connection: Any) -> None:
    """Every connection has a role that policies bind; the tests' own is a superuser."""
    await connection.execute("SET ROLE tenants")


@pytest.fixture
async def database(either_url: str) -> AsyncIterator[Database]:
    """One connection, which every request uses."""
    settings = DatabaseSettings(url=either_url, pool_size=1, max_overflow=0)
    async with Database(settings) as owner, owner.engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
        for statement in POLICY:
            await connection.execute(text(statement))
        rows = [("a", 1), ("a", 2), ("b", 3)]
        for number, (tenant, cents) in enumerate(rows):
            await connection.execute(insert(Invoice).values(id=number, tenant=tenant, cents=cents))
    async with Database(settings, set_up=step_down) as database:
        yield database
    async with Database(settings) as owner, owner.engine.begin() as connection:
        await connection.run_sync(Table.metadata.drop_all)
        await connection.execute(text("DROP ROLE tenants"))


async def seen_by(database: Database, tenant: str | None) -> list[int]:
    async with database.reader() as reader:
        if tenant is not None:
            reader.set_local({"app.tenant": tenant})
        return list((await reader.exec(EVERY_ROW)).all())


async def cancel_after(steps: int, work: Any) -> None:
    """Cancel it after so many turns of the event loop, wherever it is then."""
    task = asyncio.ensure_future(work)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


async def test_a_reader_sees_what_its_settings_let_it_see(database: Database) -> None:
    seen = [await seen_by(database, tenant) for tenant in ("a", None, "b", None, "a")]

    assert seen == [A_ONLY, [], B_ONLY, [], A_ONLY]
    assert database.stats().opened == 1


async def test_every_way_of_a_reader_sees_the_same(database: Database) -> None:
    async with database.reader() as reader:
        reader.set_local({"app.tenant": "a"})
        by_text = (await reader.execute(text("SELECT cents FROM invoice ORDER BY id"))).scalars()
        found = [
            list(by_text),
            await every.all(reader),
            [await reader.scalar(EVERY_ROW), (await every.first(reader) or 0) + 1],
        ]
        mine, other = await reader.get(Invoice, 0), await reader.get(Invoice, 2)

    assert found == [A_ONLY] * 3
    assert (mine is None, other is None) == (False, True)


async def test_it_takes_three_round_trips_and_one_for_each_statement(
    database: Database, proxy: TCPProxy
) -> None:
    trips = []
    for statements in (1, 1, 1, 3):
        await until(lambda: database.stats().idle == 1)
        proxy.reset()
        async with database.reader() as reader:
            reader.set_local({"app.tenant": "a", "app.user": "7"})
            for _ in range(statements):
                await reader.exec(EVERY_ROW)
        trips.append(proxy.round_trips)

    assert trips[-2:] == [4, 6]


async def test_settings_that_come_after_the_first_statement_are_refused(database: Database) -> None:
    async with database.reader() as reader:
        await reader.exec(EVERY_ROW)
        with pytest.raises(ReadOnlyError, match="after the reader's first statement"):
            reader.set_local({"app.tenant": "a"})
        with pytest.raises(ReadOnlyError, match="after the reader's first statement"):
            reader.translate_schemas({None: "a"})


async def test_after_an_error_the_settings_hold_again_and_objects_stay(database: Database) -> None:
    async with database.reader() as reader:
        reader.set_local({"app.tenant": "a"})
        invoice = await reader.get(Invoice, 0)
        with pytest.raises(DBAPIError):
            await reader.exec(text("SELECT 1 / 0"))
        seen = list((await reader.exec(EVERY_ROW)).all())

    assert invoice is not None
    assert (invoice.cents, seen) == (1, A_ONLY)


async def test_settings_hold_after_a_statement_that_was_cancelled_anywhere(
    database: Database,
) -> None:
    seen = []
    for steps in range(30):
        async with database.reader() as reader:
            reader.set_local({"app.tenant": "a"})
            await cancel_after(steps, reader.exec(EVERY_ROW))
            seen += [list((await reader.exec(EVERY_ROW)).all()) for _ in range(2)]

    assert seen == [A_ONLY] * 60


async def test_settings_hold_after_the_wait_for_a_connection_was_cancelled(
    database: Database,
) -> None:
    async with database.reader() as reader:
        reader.set_local({"app.tenant": "a"})
        async with database.engine.connect():
            waiting = asyncio.create_task(reader.exec(EVERY_ROW))
            await until(lambda: database.stats().waiting == 1)
            await cancel_after(0, waiting)
        seen = list((await reader.exec(EVERY_ROW)).all())

    assert seen == A_ONLY


@pytest.mark.parametrize("value", [7, None, True])
async def test_a_setting_that_is_no_text_is_refused(database: Database, value: Any) -> None:
    async with database.reader() as reader:
        with pytest.raises(TypeError, match=r"app\.tenant is of type \w+, not str"):
            reader.set_local({"app.tenant": value})


async def test_tasks_that_share_it_are_served_in_turn(database: Database) -> None:
    async with database.reader() as reader:
        reader.set_local({"app.tenant": "a"})
        seen = await asyncio.gather(*(reader.exec(EVERY_ROW) for _ in range(3)))

    assert [list(each.all()) for each in seen] == [A_ONLY] * 3


async def test_it_still_cannot_write(database: Database) -> None:
    async with database.reader() as reader:
        reader.set_local({"app.tenant": "a"})
        with pytest.raises(ReadOnlyError, match="the server refused it"):
            await reader.exec(text("WITH x AS (DELETE FROM invoice RETURNING 1) SELECT 1"))
        with pytest.raises(ReadOnlyError, match="nothing was sent"):
            await reader.exec(text("SET LOCAL transaction_read_only = off"))
        with pytest.raises(ReadOnlyError):
            await add.one(reader, id=9, tenant="a")
        with pytest.raises(ReadOnlyError, match="cannot stream"):
            async with every.stream(reader):
                pass

    assert await seen_by(database, "a") == A_ONLY


FLEETING: dict[str, Any] = {
    "local": select(func.set_config("app.tenant", "a", True)),
    "for the session": select(func.set_config("app.tenant", "a", False)),
    "text": text("SELECT set_config('app.tenant', 'a', true)"),
    "SET LOCAL": text("SET LOCAL app.tenant = 'a'"),
}


@pytest.mark.parametrize("name", FLEETING)
async def test_a_setting_that_would_end_with_its_statement_is_refused(
    database: Database, name: str
) -> None:
    async with database.reader() as reader:
        with pytest.raises(ReadOnlyError, match=r"that statement alone.*\n.*set_local"):
            await reader.exec(FLEETING[name])
        seen = list((await reader.exec(EVERY_ROW)).all())

    assert seen == []


async def test_a_compiled_query_that_makes_a_setting_is_refused_too(database: Database) -> None:
    set_tenant = compiled(select(func.set_config("app.tenant", bindparam("tenant"), True)))
    with pytest.raises(ReadOnlyError, match="set_local"):
        await set_tenant.one(database, tenant="a")


async def test_a_setting_for_the_session_is_refused_where_others_hold(database: Database) -> None:
    async with database.reader() as reader:
        reader.set_local({"app.tenant": "a"})
        for statement in (
            FLEETING["for the session"],
            text("SET ROLE postgres"),
            text("RESET ROLE"),
        ):
            with pytest.raises(ReadOnlyError, match="nothing was sent"):
                await reader.exec(statement)


async def test_what_a_session_sets_for_itself_ends_with_it(database: Database) -> None:
    async with database.session() as session:
        await session.exec(select(func.set_config("app.tenant", "a", False)))
        mine = list((await session.exec(EVERY_ROW)).all())
    await until(lambda: database.stats().idle == 1)

    assert mine == A_ONLY
    assert await seen_by(database, None) == []


# Hooks of the application's: what it calls at the beginning of each transaction.

tenant: ContextVar[str | None] = ContextVar("tenant", default=None)


def by_function(session: Session, transaction: object, connection: Any) -> None:
    del session, transaction
    if (name := tenant.get()) is not None:
        connection.execute(select(func.set_config("app.tenant", name, True)))


def by_text(session: Session, transaction: object, connection: Any) -> None:
    del session, transaction
    if (name := tenant.get()) is not None:
        connection.execute(text("SELECT set_config('app.tenant', :name, true)"), {"name": name})


def by_set_local(session: Session, transaction: object, connection: Any) -> None:
    del session, transaction
    if (name := tenant.get()) is not None:
        connection.exec_driver_sql(f"SET LOCAL app.tenant = '{name}'")


@contextmanager
def hooked(hook: Callable[..., None]) -> Iterator[None]:
    event.listen(Session, "after_begin", hook)
    try:
        yield
    finally:
        event.remove(Session, "after_begin", hook)


HOOKS = pytest.mark.parametrize("hook", [by_function, by_text, by_set_local])


@HOOKS
async def test_a_hook_that_sets_the_tenant_is_heard_by_readers(
    database: Database, hook: Callable[..., None]
) -> None:
    seen = []
    with hooked(hook):
        for name in ("a", None, "b", None):
            tenant.set(name)
            async with database.reader() as reader:
                seen += [list((await reader.exec(EVERY_ROW)).all()) for _ in range(2)]

    assert seen == [A_ONLY, A_ONLY, [], [], B_ONLY, B_ONLY, [], []]


async def test_a_hook_is_heard_after_the_wait_for_a_connection_was_cancelled(
    database: Database,
) -> None:
    with hooked(by_function):
        tenant.set("a")
        async with database.reader() as reader:
            async with database.engine.connect():
                waiting = asyncio.create_task(reader.exec(EVERY_ROW))
                await until(lambda: database.stats().waiting == 1)
                await cancel_after(0, waiting)
            seen = list((await reader.exec(EVERY_ROW)).all())

    assert seen == A_ONLY


@HOOKS
async def test_a_hook_that_sets_the_tenant_is_heard_by_compiled_queries(
    database: Database, hook: Callable[..., None]
) -> None:
    seen = []
    with hooked(hook):
        for name in ("a", None, "b", None):
            tenant.set(name)
            seen.append(await every.all(database))
            async with database.reader() as reader:
                seen.append(await every.all(reader))
            async with every.stream(database) as results:
                seen.append([each async for each in results])
        tenant.set("b")
        await add.one(database, id=7, tenant="b")
        with pytest.raises(ProgrammingError, match="row-level security"):
            await add.one(database, id=8, tenant="a")

    assert seen == [A_ONLY] * 3 + [[]] * 3 + [B_ONLY] * 3 + [[]] * 3
    assert await seen_by(database, "b") == [*B_ONLY, 9]


async def test_a_hook_is_heard_in_each_attempt_of_a_unit_of_work(database: Database) -> None:
    seen: list[list[int]] = []

    async def work(session: Any) -> None:
        seen.append(list((await session.exec(EVERY_ROW)).all()))
        if len(seen) == 1:
            await session.exec(select(func.fail_to_serialize()))

    with hooked(by_function):
        tenant.set("a")
        await database.run(work)

    assert seen == [A_ONLY, A_ONLY]


async def test_a_hook_that_sends_nothing_costs_a_reader_no_round_trip(
    database: Database, proxy: TCPProxy
) -> None:
    def note(*_: object) -> None:
        noted.append("begun")

    noted: list[str] = []
    with hooked(note):
        for _ in range(3):
            await until(lambda: database.stats().idle == 1)
            proxy.reset()
            async with database.reader() as reader:
                await reader.exec(EVERY_ROW)
            trips = proxy.round_trips

    assert (trips, len(noted)) == (1, 3)
