"""Which fault an exception means, where no server can be made to raise it here."""

import sqlite3

import asyncpg
import psycopg
import pytest
from sqlalchemy import exc as sa
from sqlalchemy.orm import exc as orm

from wellhead import (
    CommandTimeoutError,
    CommittedError,
    CommitUnknownError,
    ConfigurationError,
    ConnectError,
    Database,
    DatabaseSettings,
    Fault,
    NotOpenError,
    ReadOnlyError,
    RequestTimeoutError,
    RolledBackError,
    classify,
)
from wellhead.errors.faults import CAN_RUN_AGAIN, MEANINGS, TRANSIENT
from wellhead.errors.recognition import is_definite_answer


def from_server(sqlstate: str, text: str = "something", *, lost: bool = False) -> sa.DBAPIError:
    """What SQLAlchemy makes of an error that the server reports."""
    cause = asyncpg.PostgresError.new({"C": sqlstate, "M": text})
    return sa.DBAPIError("SELECT 1", None, cause, connection_invalidated=lost)


@pytest.mark.parametrize(
    ("sqlstate", "fault"),
    [
        ("08006", Fault.CONNECTION_LOST),
        ("08007", Fault.OUTCOME_UNKNOWN),
        ("40003", Fault.OUTCOME_UNKNOWN),
        ("23001", Fault.FOREIGN_KEY),
        ("25P04", Fault.STATEMENT_TIMEOUT),
        ("25P02", Fault.PROGRAMMING),
        ("26000", Fault.STALE_PLAN),
        ("42501", Fault.PROGRAMMING),
        ("44000", Fault.CHECK),
        ("53100", Fault.DISK_FULL),
        ("53200", Fault.OUT_OF_RESOURCES),
        ("53300", Fault.TOO_MANY_CONNECTIONS),
        ("54000", Fault.INVALID_DATA),
        ("54011", Fault.PROGRAMMING),
        ("57P02", Fault.CONNECTION_LOST),
        ("57P04", Fault.DATABASE_NOT_FOUND),
        ("XX000", Fault.UNKNOWN),
        ("ZZ999", Fault.UNKNOWN),
    ],
)
def test_the_sqlstate_names_the_fault(sqlstate: str, fault: Fault) -> None:
    found = classify(from_server(sqlstate))

    assert (found.fault, found.sqlstate) == (fault, sqlstate)


def test_a_lost_connection_is_lost_whatever_the_server_said_last() -> None:
    found = classify(from_server("08003", "the database system is shutting down", lost=True))

    assert found.fault is Fault.CONNECTION_LOST
    assert found.connection_lost


def test_pgbouncer_that_waited_too_long_for_a_server_is_full() -> None:
    found = classify(from_server("08003", "connection was closed: query_wait_timeout", lost=True))

    assert found.fault is Fault.TOO_MANY_CONNECTIONS
    assert found.connection_lost


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize(
    "said",
    [
        psycopg.errors.InternalError_("(ECHECKOUTTIMEOUT) unable to check out connection"),
        psycopg.errors.ProtocolViolation("query_wait_timeout\nserver closed the connection"),
        psycopg.errors.SystemError("could not get connection from the pool - timeout"),
        asyncpg.PostgresError.new({"C": "XX000", "M": "(EMAXCONN) max client connections reached"}),
        asyncpg.PostgresError.new({"C": "58000", "M": "could not get connection from the pool"}),
        asyncpg.PostgresError.new(
            {"C": "08000", "M": "Timed-out waiting to acquire database connection."}
        ),
    ],
    ids=lambda error: str(error)[:20],
)
def test_a_pooler_that_has_no_server_for_a_statement_is_full(said: Exception, lost: bool) -> None:
    error = sa.DBAPIError("SELECT 1", None, said, connection_invalidated=lost)
    found = classify(error)

    assert found.fault is Fault.TOO_MANY_CONNECTIONS
    assert found.can_run_again
    assert found.connection_lost is lost


def test_a_statement_that_the_server_cannot_do_is_no_stale_plan() -> None:
    assert classify(from_server("0A000", "no such feature")).fault is Fault.PROGRAMMING
    assert (
        classify(from_server("0A000", "cached plan must not change result type")).fault
        is Fault.STALE_PLAN
    )


def test_a_plan_is_stale_in_the_words_of_asyncpg_too() -> None:
    stale = asyncpg.InvalidCachedStatementError
    words = "cached statement plan is invalid due to a database schema or configuration change"

    assert classify(stale(words)).fault is Fault.STALE_PLAN
    assert classify(from_server("0A000", f"{stale}: {words}")).fault is Fault.STALE_PLAN


@pytest.mark.parametrize(
    "error",
    [
        sa.InvalidRequestError("Table 'certificate' is already defined"),
        sa.StatementError("certificate", "SELECT 1", None, ValueError("certificate")),
        psycopg.ProgrammingError("the query has a placeholder 'certificate'"),
        ValueError("password authentication failed"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_text_of_the_program_is_not_searched_for_faults(error: Exception) -> None:
    assert classify(error).fault in {Fault.UNKNOWN, Fault.PROGRAMMING}


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ConnectError("x"), Fault.REFUSED),
        (CommandTimeoutError("x"), Fault.STATEMENT_TIMEOUT),
        (CommitUnknownError("x"), Fault.OUTCOME_UNKNOWN),
        (RequestTimeoutError("x"), Fault.REQUEST_TIMEOUT),
        (CommittedError("x", commits=1), Fault.COMMITTED),
        (RolledBackError("x"), Fault.PROGRAMMING),
        (NotOpenError("x"), Fault.NOT_OPEN),
        (ReadOnlyError("x"), Fault.PROGRAMMING),
        (ConfigurationError("x"), Fault.PROGRAMMING),
        (sa.TimeoutError("x"), Fault.SATURATED),
        (orm.StaleDataError("x"), Fault.SERIALIZATION),
        (ConnectionRefusedError(111, "x"), Fault.UNREACHABLE),
        (TimeoutError(), Fault.UNREACHABLE),
        (psycopg.OperationalError("connection failed: no password supplied"), Fault.AUTHENTICATION),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_exception_that_carries_no_code_is_known_by_its_class(
    error: Exception, fault: Fault
) -> None:
    assert classify(error).fault is fault


@pytest.mark.parametrize("name", ["certificate", "unique"])
async def test_sqlite_tells_a_broken_constraint_by_its_text(name: str) -> None:
    settings = DatabaseSettings(url="sqlite+aiosqlite://")
    async with Database(settings) as database, database.engine.connect() as connection:
        await connection.exec_driver_sql(f'CREATE TABLE "{name}" (id int UNIQUE)')
        await connection.exec_driver_sql(f'INSERT INTO "{name}" VALUES (1)')  # noqa: S608
        with pytest.raises(sa.IntegrityError) as caught:
            await connection.exec_driver_sql(f'INSERT INTO "{name}" VALUES (1)')  # noqa: S608

    assert classify(caught.value).fault is Fault.UNIQUE


def test_sqlites_other_errors_are_not_taken_for_failures_to_connect() -> None:
    error = sa.OperationalError("x", None, sqlite3.OperationalError("no such table: certificate"))

    assert classify(error).fault is Fault.UNKNOWN


def test_every_fault_has_a_meaning_and_what_is_unavailable_says_when_to_try_again() -> None:
    assert set(MEANINGS) == set(Fault)
    for fault, meaning in MEANINGS.items():
        says_when = meaning.http_status == 503 and fault is not Fault.OUTCOME_UNKNOWN
        assert says_when == (meaning.retry_after is not None), fault
    assert {MEANINGS[fault].http_status for fault in TRANSIENT} == {503}


def test_only_what_leaves_nothing_behind_and_passes_is_run_again() -> None:
    assert CAN_RUN_AGAIN < TRANSIENT
    assert Fault.OUTCOME_UNKNOWN not in TRANSIENT


def test_a_server_that_says_error_did_not_commit_and_one_that_says_fatal_may_have() -> None:
    said = {
        severity: asyncpg.PostgresError.new({"C": "40001", "M": "x", "V": severity})
        for severity in ("ERROR", "FATAL", "PANIC")
    }

    assert [name for name, error in said.items() if is_definite_answer(error)] == ["ERROR"]


@pytest.mark.parametrize("sqlstate", ["08006", "08007", "08P01", "40003"])
def test_a_pooler_that_lost_its_server_says_nothing_of_the_commit(sqlstate: str) -> None:
    error = asyncpg.PostgresError.new({"C": sqlstate, "M": "x", "V": "ERROR"})

    assert not is_definite_answer(error)
