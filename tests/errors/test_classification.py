"""What failures of statements mean, each met for real, with both drivers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.staging.databases import Databases
from tests.staging.given import Postgres
from tests.staging.patience import until
from wellhead import Classification, Database, DatabaseSettings, Fault, classify
from wellhead.testing.proxy import COMMIT, TCPProxy

Work = Callable[[AsyncConnection], Awaitable[object]]


async def failure(database: Database, work: Work) -> BaseException:
    """What a transaction raises that does this work."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is what the tests ask
        async with database.session() as session:
            await work(await session.connection())
    return caught.value


async def meaning(database: Database, work: Work) -> Classification:
    return classify(await failure(database, work))


def running(*statements: str) -> Work:
    async def work(connection: AsyncConnection) -> None:
        for statement in statements:
            await connection.exec_driver_sql(statement)

    return work


def sending(value: object, *, into: str) -> Work:
    async def work(connection: AsyncConnection) -> None:
        statement = f"INSERT INTO thing (id, {into}) VALUES (9, :value)"  # noqa: S608 - a column
        await connection.execute(text(statement), {"value": value})

    return work


RAISED = "DO $$ BEGIN RAISE 'too many connections' USING ERRCODE = '{}'; END $$"
"""What a function says in the words of a pooler."""


@pytest.mark.parametrize(
    ("statement", "sqlstate", "fault", "status"),
    [
        ("INSERT INTO thing (id) VALUES (1)", "23505", Fault.UNIQUE, 409),
        ("INSERT INTO thing (id, parent_id) VALUES (9, 9)", "23503", Fault.FOREIGN_KEY, 409),
        ("INSERT INTO thing (id, during) VALUES (9, '[2,3)')", "23P01", Fault.EXCLUSION, 409),
        ("INSERT INTO thing (id, size) VALUES (9, -1)", "23514", Fault.CHECK, 422),
        ("INSERT INTO thing (id, name) VALUES (9, NULL)", "23502", Fault.NOT_NULL, 422),
        ("INSERT INTO thing (id, name) VALUES (9, 'too long')", "22001", Fault.INVALID_DATA, 422),
        ("INSERT INTO thing (id) VALUES (9999999999)", "22003", Fault.INVALID_DATA, 422),
        ("SELECT 'x'::uuid", "22P02", Fault.INVALID_DATA, 422),
        ("SELECT 1 / 0", "22012", Fault.INVALID_DATA, 422),
        ("SELECT * FROM nowhere", "42P01", Fault.PROGRAMMING, 500),
        ("SELECT nothing FROM thing", "42703", Fault.PROGRAMMING, 500),
        ("SELECT FROM WHERE", "42601", Fault.PROGRAMMING, 500),
        ("SELECT count(*) FROM thing FOR UPDATE", "0A000", Fault.PROGRAMMING, 500),
        ("DO $$ BEGIN RAISE 'x'; END $$", "P0001", Fault.UNKNOWN, 500),
        (RAISED.format("XX000"), "XX000", Fault.UNKNOWN, 500),
        (RAISED.format("58000"), "58000", Fault.UNKNOWN, 500),
    ],
)
async def test_what_the_same_work_meets_again_is_not_transient(
    database: Database, statement: str, sqlstate: str, fault: Fault, status: int
) -> None:
    found = await meaning(database, running(statement))

    assert (found.fault, found.http_status, found.sqlstate) == (fault, status, sqlstate)
    assert not found.is_transient
    assert not found.connection_lost
    assert found.retry_after is None


@pytest.mark.parametrize(
    ("column", "value"),
    [("id", 10**12), ("name", "a\0"), ("name", "\ud800")],
    ids=["a number too large", "a NUL", "half of a surrogate pair"],
)
async def test_a_value_that_cannot_be_stored_is_the_clients_fault(
    database: Database, column: str, value: object
) -> None:
    async def work(connection: AsyncConnection) -> None:
        statement = f"UPDATE thing SET {column} = :value"  # noqa: S608 - a column
        await connection.execute(text(statement), {"value": value})

    found = await meaning(database, work)

    assert (found.fault, found.http_status) == (Fault.INVALID_DATA, 422)


async def test_a_value_that_reads_like_a_failure_to_connect_is_still_a_value(
    database: Database,
) -> None:
    found = await meaning(database, sending("certificate", into="size"))

    assert found.fault is Fault.INVALID_DATA


async def test_a_value_that_is_missing_is_a_mistake_of_the_program(database: Database) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("SELECT :certificate"))

    found = await meaning(database, work)

    assert (found.fault, found.http_status) == (Fault.PROGRAMMING, 500)
    assert not found.is_expected


@pytest.mark.slow
async def test_more_values_than_a_statement_can_carry_are_a_mistake_of_the_program(
    database: Database,
) -> None:
    async def work(connection: AsyncConnection) -> None:
        # As the driver takes it: SQLAlchemy would compile so many parameters for ten seconds.
        mark = "${}::int" if connection.dialect.driver == "asyncpg" else "%s"
        marks = ",".join(map(mark.format, range(1, 65_537)))
        await connection.exec_driver_sql(f"SELECT {marks}", (1,) * 65_536)

    found = await meaning(database, work)

    assert (found.fault, found.http_status) == (Fault.PROGRAMMING, 500)
    assert not found.connection_lost


async def test_a_read_only_server_answers_503(database: Database) -> None:
    found = await meaning(
        database,
        running("SET LOCAL transaction_read_only = on", "INSERT INTO thing (id) VALUES (9)"),
    )

    assert (found.fault, found.http_status) == (Fault.READ_ONLY_SERVER, 503)
    assert (found.sqlstate, found.is_transient) == ("25006", True)


async def test_a_statement_that_the_server_cuts_short_answers_504(database: Database) -> None:
    found = await meaning(
        database, running("SET LOCAL statement_timeout = 20", "SELECT pg_sleep(60)")
    )

    assert (found.fault, found.http_status) == (Fault.STATEMENT_TIMEOUT, 504)
    assert (found.sqlstate, found.is_transient) == ("57014", False)


async def test_a_statement_that_takes_longer_than_the_command_timeout_answers_504(
    locate: Callable[..., str],
) -> None:
    settings = DatabaseSettings(url=locate(), command_timeout=1)
    async with Database(settings) as database:
        found = await meaning(database, running("SELECT pg_sleep(60)"))

        assert (found.fault, found.http_status) == (Fault.STATEMENT_TIMEOUT, 504)
        assert not found.is_transient


async def test_a_row_that_stays_locked_answers_503(database: Database) -> None:
    async with database.session() as holder:
        await running("SELECT FROM thing WHERE id = 1 FOR UPDATE")(await holder.connection())
        found = await meaning(database, running("SELECT FROM thing WHERE id = 1 FOR UPDATE"))

    assert (found.fault, found.http_status) == (Fault.LOCK_TIMEOUT, 503)
    assert (found.sqlstate, found.is_transient) == ("55P03", True)


async def test_a_row_that_changed_meanwhile_is_a_serialization_failure(
    database: Database,
) -> None:
    async def work(connection: AsyncConnection) -> None:
        await running("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT FROM thing")(
            connection
        )
        async with database.session() as other:
            await running("UPDATE thing SET name = 'new' WHERE id = 1")(await other.connection())
        await running("UPDATE thing SET name = 'old' WHERE id = 1")(connection)

    found = await meaning(database, work)

    assert (found.fault, found.http_status) == (Fault.SERIALIZATION, 503)
    assert (found.sqlstate, found.is_transient) == ("40001", True)


async def test_two_that_wait_for_each_other_are_a_deadlock(database: Database) -> None:
    met = asyncio.Barrier(2)

    async def lock(connection: AsyncConnection, first: int, second: int) -> None:
        await running(
            "SET LOCAL deadlock_timeout = 10",
            "SET LOCAL lock_timeout = 0",
            f"SELECT FROM thing WHERE id = {first} FOR UPDATE",
        )(connection)
        await met.wait()
        await running(f"SELECT FROM thing WHERE id = {second} FOR UPDATE")(connection)

    async def attempt(first: int, second: int) -> Classification | None:
        try:
            async with database.session() as session:
                await lock(await session.connection(), first, second)
        except Exception as error:  # noqa: BLE001 - either of the two may be the victim
            return classify(error)
        return None

    found = [each for each in await asyncio.gather(attempt(1, 2), attempt(2, 1)) if each]

    assert [(each.fault, each.http_status) for each in found] == [(Fault.DEADLOCK, 503)]
    assert [(each.sqlstate, each.is_transient) for each in found] == [("40P01", True)]


async def test_a_plan_that_a_migration_made_stale_answers_503_once(
    locate: Callable[..., str], database_url: str
) -> None:
    name = database_url.rpartition("/")[2]
    many = running(*["SELECT * FROM thing"] * 7)
    async with (
        direct(database_url) as admin,
        Database(DatabaseSettings(url=locate(database=name), pool_size=1)) as database,
    ):
        await admin.execute("CREATE TABLE thing (id int)")
        async with database.session() as session:
            await many(await session.connection())
        await admin.execute("ALTER TABLE thing ADD COLUMN name text")
        found = await meaning(database, many)
        async with database.session() as session:
            await many(await session.connection())

    assert (found.fault, found.http_status) == (Fault.STALE_PLAN, 503)
    assert found.is_transient


async def test_a_pool_with_no_connection_left_is_saturated(locate: Callable[..., str]) -> None:
    settings = DatabaseSettings(
        url=locate(), pool_size=1, max_overflow=0, pool_timeout=3.1, connect_timeout=3
    )
    async with Database(settings) as database, database.session() as session:
        await session.connection()
        found = await meaning(database, running("SELECT 1"))

    assert (found.fault, found.http_status) == (Fault.SATURATED, 503)
    assert found.is_transient
    assert not found.can_run_again
    assert found.retry_after == 1


@asynccontextmanager
async def direct(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def terminate(connection: AsyncConnection, databases: Databases) -> None:
    """End the server's side of a connection, and wait until it is gone."""
    pid = (await connection.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()
    databases.execute(f"SELECT pg_terminate_backend({pid}, 5000)")


def assert_lost(found: Classification) -> None:
    assert (found.fault, found.http_status) == (Fault.CONNECTION_LOST, 503)
    assert found.is_transient
    assert found.can_run_again
    assert found.connection_lost
    assert not found.outcome_unknown


async def test_a_connection_that_ends_between_two_statements_is_lost(
    database: Database, databases: Databases
) -> None:
    async def work(connection: AsyncConnection) -> None:
        await terminate(connection, databases)
        await connection.exec_driver_sql("SELECT 1")

    assert_lost(await meaning(database, work))


async def test_a_connection_that_ends_before_the_commit_is_lost(
    locate: Callable[..., str], databases: Databases, postgres: Postgres
) -> None:
    async def work(connection: AsyncConnection) -> None:
        await terminate(connection, databases)

    # Past the proxy, which would have to run to pass the end on.
    async with Database(DatabaseSettings(url=locate(port=postgres.port))) as database:
        assert_lost(await meaning(database, work))


async def test_a_commit_without_an_answer_leaves_the_outcome_open(
    database: Database, proxy: TCPProxy
) -> None:
    proxy.break_at(COMMIT, passes=True)
    found = await meaning(database, running("INSERT INTO thing (id) VALUES (99)"))
    async with database.session() as session:
        await running("DELETE FROM thing WHERE id = 99")(await session.connection())

    assert (found.fault, found.http_status) == (Fault.OUTCOME_UNKNOWN, 503)
    assert (found.outcome_unknown, found.connection_lost) == (True, True)
    assert (found.is_transient, found.can_run_again) == (False, False)
    assert found.retry_after is None


async def test_a_table_that_the_role_may_not_read_is_a_mistake_of_the_program(
    database: Database,
) -> None:
    found = await meaning(
        database,
        running("CREATE ROLE guest", "SET LOCAL ROLE guest", "SELECT * FROM thing"),
    )

    assert (found.fault, found.sqlstate) == (Fault.PROGRAMMING, "42501")


async def test_a_connection_that_ends_during_a_statement_is_lost(database: Database) -> None:
    assert_lost(await meaning(database, running("SELECT pg_terminate_backend(pg_backend_pid())")))


async def test_a_connection_that_is_reset_during_a_statement_is_lost(
    database: Database, proxy: TCPProxy
) -> None:
    async def work(connection: AsyncConnection) -> None:
        sleeping = asyncio.ensure_future(connection.exec_driver_sql("SELECT pg_sleep(60)"))
        sent = proxy.bytes_to_server
        await until(lambda: proxy.bytes_to_server > sent)
        await proxy.reset_connections()
        await sleeping

    assert_lost(await meaning(database, work))


async def test_a_transaction_that_was_idle_for_too_long_is_lost(
    database: Database, proxy: TCPProxy
) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 20")
        heard = proxy.bytes_to_client
        await until(lambda: proxy.bytes_to_client > heard)
        await connection.exec_driver_sql("SELECT 1")

    assert_lost(await meaning(database, work))


async def test_work_succeeds_again_after_its_connection_was_lost(
    database: Database, databases: Databases
) -> None:
    async def work(connection: AsyncConnection) -> None:
        await terminate(connection, databases)

    await failure(database, work)

    async with database.session() as session:
        await running("SELECT 1")(await session.connection())
