"""Reading: one round trip where that is proved to be safe, and never a write."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import column, delete, func, insert, literal, literal_column, table, text, update
from sqlalchemy import select as any_select
from sqlalchemy.exc import DBAPIError, InvalidRequestError, ProgrammingError
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, col, select

from tests.staging.databases import Databases
from tests.staging.patience import until
from wellhead import Database, DatabaseSettings, Fault, ReadOnlyError, classify
from wellhead.testing.proxy import COMMIT, TCPProxy


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Hero(Table, table=True):
    """A row to read."""

    id: int = Field(primary_key=True)
    name: str


class Batch(Table, table=True):
    """What a clerk reads and a manager closes."""

    id: int = Field(primary_key=True)


class Receipt(Table, table=True):
    """What a clerk writes."""

    id: int = Field(primary_key=True)


class Gate(Table, table=True):
    """What is locked to let a read wait."""

    id: int = Field(primary_key=True)


@pytest.fixture
async def database(proxied_url: str) -> Database:
    database = Database(DatabaseSettings(url=proxied_url))
    async with database, database.engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
        await connection.execute(insert(Hero).values(id=1, name="Ada"))
    return database


@pytest.fixture
async def either(either_url: str) -> AsyncIterator[Database]:
    """The same with one driver and then the other, and open."""
    async with Database(DatabaseSettings(url=either_url)) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
            await connection.execute(insert(Hero).values(id=1, name="Ada"))
        yield database


async def test_a_warm_read_costs_one_round_trip(database: Database, proxy: TCPProxy) -> None:
    async with database:
        for _ in range(3):
            proxy.reset()
            async with database.reader() as reader:
                hero = (await reader.exec(select(Hero).where(Hero.id == 1))).one()
        warm = proxy.round_trips

    assert hero.name == "Ada"
    assert warm == 1


async def test_get_reads_by_primary_key(database: Database) -> None:
    async with database, database.reader() as reader:
        hero, nobody = await reader.get(Hero, 1), await reader.get(Hero, 2)

    assert hero is not None
    assert hero.name == "Ada"
    assert nobody is None


async def test_parameters_are_passed_on(database: Database) -> None:
    statement = select(Hero.name).where(col(Hero.id) == text(":wanted"))
    async with database, database.reader() as reader:
        names = (await reader.exec(statement, params={"wanted": 1})).all()

    assert names == ["Ada"]


async def test_a_reader_holds_no_transaction(database: Database) -> None:
    state = text("select count(*) from pg_stat_activity where state like 'idle in transaction%'")
    async with database, database.reader() as reader:
        await reader.exec(select(Hero))
        async with database.engine.connect() as connection:
            waiting = await connection.scalar(state)

    assert waiting == 0


WRITES = {
    "an insert": insert(Hero).values(id=2, name="Eve"),
    "a delete": delete(Hero),
    "text that deletes": text("DELETE FROM hero"),
    "text after a semicolon": text("SELECT 1; DELETE FROM hero"),
    "a script that ends the transaction": text("COMMIT; DELETE FROM hero"),
    "a comment before the write": text("/* read */ DELETE FROM hero"),
    "a select that deletes inside": select(
        delete(Hero).where(col(Hero.id) == 1).returning(col(Hero.id)).cte().c.id
    ),
    "a select that locks": select(Hero).with_for_update(),
    "a call": text("CALL anything()"),
    "a setting": text("SET ROLE postgres"),
    "a listener": text("LISTEN news"),
    "set_config for the session": select(func.set_config("a.b", "c", False)),
    "text with set_config for the session": text("SELECT set_config('a.b', 'c', false)"),
    "a quoted set_config": text("""SELECT "set_config"('a.b', 'c', false)"""),
    "a session's lock": select(func.pg_advisory_lock(1)),
    "text with a session's lock": text("SELECT pg_try_advisory_lock(1)"),
    "text with a quoted call": text("""SELECT "pg_advisory_lock"(1)"""),
    "text that calls through a cast": text("SELECT 'pg_advisory_lock'::regproc(1)"),
    "text with a call in text": text("SELECT query_to_xml('SELECT pg_advisory_lock(1)', 0, 0, '')"),
    "text with a comment in the call": text("SELECT set_config/* */('a.b', 'c', false)"),
    "text with a name in escapes": text("""SELECT U&"pg\\005fadvisory_lock"(1)"""),
    "a notification": select(func.pg_notify("news", "x")),
    "the end of another": text("SELECT pg_terminate_backend(1)"),
    "an ORM statement of text that writes": select(Hero).from_statement(
        text("INSERT INTO hero VALUES (2, 'Eve') RETURNING id, name")
    ),
    "columns of text that writes": text("DELETE FROM hero RETURNING id").columns(column("id")),
}

# Of these only the server can tell, in its read-only transaction.
REFUSED_BY_THE_SERVER = {
    "text that writes inside a WITH": text("WITH x AS (DELETE FROM hero RETURNING 1) SELECT 1"),
    "text that makes a table": text("SELECT * INTO copy FROM hero"),
    "text that locks": text("SELECT * FROM hero FOR UPDATE"),
    "text that shares a lock": text("SELECT * FROM hero FOR KEY SHARE"),
    "a suffix that locks": select(Hero).suffix_with("FOR UPDATE"),
    "a CTE of text that writes": any_select(
        text("INSERT INTO hero VALUES (2, 'Eve') RETURNING id").columns(column("id")).cte("x")
    ),
    "a function that writes": select(func.write_a_hero()),
    "a sequence": select(func.nextval("numbers")),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
async def test_a_write_raises_before_anything_is_sent(
    write: Any, database: Database, proxy: TCPProxy
) -> None:
    async with database:
        async with database.reader() as reader:
            await reader.exec(select(Hero))
            proxy.reset()
            with pytest.raises(ReadOnlyError, match=r"nothing was sent.*\n.*db\.session"):
                await reader.exec(write)
        sent = proxy.bytes_to_server
        async with database.reader() as reader:
            count = (await reader.exec(select(func.count()).select_from(Hero))).one()

    assert sent == 0
    assert count == 1


@pytest.mark.parametrize("write", REFUSED_BY_THE_SERVER.values(), ids=REFUSED_BY_THE_SERVER.keys())
async def test_a_write_that_only_the_server_sees_is_refused_there(
    write: Any, either: Database
) -> None:
    async with either.engine.begin() as connection:
        await connection.exec_driver_sql("CREATE SEQUENCE numbers")
        await connection.exec_driver_sql(
            "CREATE FUNCTION write_a_hero() RETURNS int LANGUAGE sql "
            "AS $$ INSERT INTO hero VALUES (2, 'Eve') RETURNING id $$"
        )
    async with either.reader() as reader:
        with pytest.raises(ReadOnlyError, match=r"the server refused it.*\n.*db\.session"):
            await reader.exec(write)
        count = (await reader.exec(select(func.count()).select_from(Hero))).one()

    assert count == 1
    # That a reader may not write says nothing about the server.
    assert (await either.check()).state == "connected"


async def test_what_is_not_proved_runs_in_a_read_only_transaction(
    either: Database, proxy: TCPProxy
) -> None:
    answers = []
    for _ in range(3):
        await until(lambda: either.stats().idle == 1)
        async with either.reader() as reader:
            proxy.reset()
            answers.append((await reader.exec(text("SHOW transaction_read_only"))).scalar_one())
            trips = proxy.round_trips

    assert (answers, trips) == (["on"] * 3, 3)


async def test_what_is_not_proved_is_never_sent_twice(either: Database, proxy: TCPProxy) -> None:
    async with either.reader() as reader:
        await reader.exec(text("SELECT 'warm'"))
        broken = proxy.break_at(b"'lost'", passes=True)
        with pytest.raises(DBAPIError):
            await reader.exec(text("SELECT 'lost'"))

    assert broken.is_set()
    assert either.run_stats().reads_repeated == {}


async def test_a_lost_end_of_a_read_only_transaction_loses_no_answer(
    either: Database, proxy: TCPProxy
) -> None:
    async with either.reader() as reader:
        await reader.exec(text("SELECT 'warm'"))
        broken = proxy.break_at(COMMIT, passes=True)
        answer = (await reader.exec(text("SELECT 'kept'"))).scalar_one()

    assert (answer, broken.is_set()) == ("kept", True)
    assert either.run_stats().unknown == 0


async def test_tasks_that_share_a_reader_are_served_one_after_the_other(either: Database) -> None:
    slow = text("SELECT 7, pg_sleep(0.01)")
    async with either.reader() as reader:
        answers = await asyncio.gather(*(reader.exec(slow) for _ in range(3)))
        stats = either.stats()

    assert [answer.scalar_one() for answer in answers] == [7, 7, 7]
    assert stats.checked_out <= 1


async def test_of_tasks_that_share_a_reader_one_may_fail(either: Database) -> None:
    async with either.reader() as reader:
        answers = await asyncio.gather(
            reader.exec(select(literal(7))),
            reader.exec(text("SELECT 1 / 0")),
            reader.exec(select(literal(8))),
            return_exceptions=True,
        )

    assert [isinstance(answer, DBAPIError) for answer in answers] == [False, True, False]
    # The connection on which one failed may still be on its way back.
    assert either.stats().total <= 2


async def test_text_that_reads_passes(database: Database) -> None:
    async with database, database.reader() as reader:
        result = await reader.exec(text("SELECT name FROM hero"))

    assert result.all() == [("Ada",)]


async def test_there_is_nothing_to_write_with(database: Database) -> None:
    async with database, database.reader() as reader:
        found = [name for name in ("add", "delete", "flush", "commit") if hasattr(reader, name)]

    assert found == []


async def test_sessions_of_the_same_database_still_write(database: Database) -> None:
    async with database:
        async with database.reader() as reader:
            await reader.exec(select(Hero))
        async with database.session() as session:
            session.add(Hero(id=2, name="Eve"))
        async with database.reader() as reader:
            names = set((await reader.exec(select(Hero.name))).all())

    assert names == {"Ada", "Eve"}


async def test_a_read_whose_connection_ended_meanwhile_is_not_noticed(
    either: Database, databases: Databases
) -> None:
    async with either.reader() as reader:
        before = (await reader.exec(select(Hero).where(Hero.id == 1))).one()
        pid = (await reader.exec(select(func.pg_backend_pid()))).one()
        databases.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
        after = (await reader.exec(select(Hero).where(Hero.id == 1))).one()

    assert (before.name, after.name) == ("Ada", "Ada")
    assert either.run_stats().reads_repeated == {Fault.CONNECTION_LOST: 1}


async def test_a_read_whose_answer_is_lost_is_sent_again(
    either: Database, proxy: TCPProxy, caplog: pytest.LogCaptureFixture
) -> None:
    async with either.reader() as reader:
        await reader.exec(select(Hero))
        proxy.break_at(b"lost", passes=True)
        with caplog.at_level("WARNING", "wellhead"):
            answer = (await reader.exec(select(literal("lost")))).one()

    assert answer == "lost"
    assert [vars(each)["event"] for each in caplog.records] == ["reader_retry"]
    assert "SELECT" not in caplog.text


async def test_a_read_goes_on_while_one_connection_after_the_other_is_lost(
    either: Database, proxy: TCPProxy
) -> None:
    for _ in range(4):
        proxy.break_at(b"lost", passes=True)
    async with either.reader() as reader:
        answer = (await reader.exec(select(literal("lost")))).one()

    assert answer == "lost"
    assert either.run_stats().reads_repeated == {Fault.CONNECTION_LOST: 4}


async def test_a_read_that_is_lost_twice_is_raised_if_no_time_is_left(
    either_url: str, proxy: TCPProxy
) -> None:
    for _ in range(2):
        proxy.break_at(b"lost", passes=True)
    async with Database(DatabaseSettings(url=either_url, run_timeout=0)) as database:
        async with database.reader() as reader:
            with pytest.raises(DBAPIError) as caught:
                await reader.exec(select(literal("lost")))
        repeated = database.run_stats().reads_repeated

    assert classify(caught.value).fault is Fault.CONNECTION_LOST
    assert repeated == {Fault.CONNECTION_LOST: 1}


async def test_a_mistake_ends_what_is_sent_again(either: Database, proxy: TCPProxy) -> None:
    proxy.break_at(b"lost", passes=False)
    async with either.reader() as reader:
        with pytest.raises(DBAPIError) as caught:
            await reader.exec(select(literal("lost"), 1 / (func.length("") + literal(0))))

    assert classify(caught.value).fault is Fault.INVALID_DATA
    assert either.run_stats().reads_repeated == {Fault.CONNECTION_LOST: 1}


async def test_a_read_whose_plan_a_migration_made_stale_is_not_noticed(either: Database) -> None:
    all_columns: Any = any_select(literal_column("*")).select_from(table("hero"))
    async with either.reader() as reader:
        for _ in range(7):
            await reader.exec(all_columns)
        async with either.engine.begin() as connection:
            await connection.exec_driver_sql("ALTER TABLE hero ADD COLUMN age int")
        for _ in range(7):
            row: Any = (await reader.exec(all_columns)).one()

    assert len(row) == len(Hero.model_fields) + 1
    assert either.run_stats().reads_repeated == {Fault.STALE_PLAN: 1}


async def test_a_read_in_the_way_of_a_serial_order_is_sent_once_more(either_url: str) -> None:
    level = "default_transaction_isolation=serializable"
    settings = DatabaseSettings(url=f"{either_url}?options=-c%20{level}")
    receipts = select(func.count(col(Receipt.id)), func.count(col(Gate.id))).outerjoin(
        Gate, col(Gate.id) == col(Receipt.id)
    )
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with Database(settings) as database, database.engine.connect() as watch:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
            await connection.execute(insert(Batch).values(id=1))
        await watch.execution_options(isolation_level="AUTOCOMMIT")
        async with database.reader() as reader:
            # What is prepared takes its snapshot before it waits for the table.
            assert (await reader.exec(receipts)).one() == (0, 0)
            async with database.session() as clerk:
                assert await clerk.scalar(select(Batch.id)) == 1
                async with database.session() as manager:
                    await manager.execute(update(Batch).values(id=2))
                async with database.session() as locking:
                    await locking.execute(text("LOCK TABLE gate IN ACCESS EXCLUSIVE MODE"))
                    reading = asyncio.create_task(reader.exec(receipts))

                    async def is_waiting() -> bool:
                        return bool(await watch.scalar(waits))

                    await until(is_waiting)
                    clerk.add(Receipt(id=1))
                    await clerk.commit()
                found = (await reading).one()

        assert found == (1, 0)
        assert database.run_stats().reads_repeated == {Fault.SERIALIZATION: 1}


async def test_a_read_is_repeated_where_the_pool_has_only_one_connection(
    either_url: str, proxy: TCPProxy
) -> None:
    settings = DatabaseSettings(
        url=either_url, pool_size=1, max_overflow=0, pool_timeout=21, connect_timeout=20
    )
    async with Database(settings) as database, database.reader() as reader:
        proxy.break_at(b"lost", passes=True)
        await reader.exec(select(literal("lost")))

        assert database.stats().checked_out == 1


async def test_a_mistake_in_a_read_is_not_repeated(either: Database, proxy: TCPProxy) -> None:
    async with either.reader() as reader:
        proxy.reset()
        with pytest.raises(ProgrammingError):
            await reader.exec(text("SELECT * FROM nowhere"))

    assert either.run_stats().reads_repeated == {}


async def test_a_reader_that_was_closed_before_its_first_statement_reads_nothing(
    database: Database,
) -> None:
    async with database:
        async with database.reader() as reader:
            pass
        for _ in range(2):
            with pytest.raises(InvalidRequestError, match="closed"):
                await reader.get(Hero, 1)

        assert database.stats().checked_out == 0
