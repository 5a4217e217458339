"""What an exception says, its whole chain of causes included."""

import traceback
from collections.abc import AsyncIterator, Callable

import asyncpg
import psycopg
import pytest
from sqlalchemy import exc as sa
from sqlalchemy import text

from wellhead import Database, DatabaseSettings, WellheadError
from wellhead.errors.discretion import words_of

Locate = Callable[..., str]

CASES = {
    "a constraint": ("INSERT INTO thing (id, name) VALUES (1, :value)", "s3cr"),
    "a row": ("INSERT INTO thing (id, name, size) VALUES (9, :value, 0)", "s3cr"),
    "a type": ("SELECT CAST(:value AS uuid)", "s3cret"),
    "syntax": ("SELECT 's3cret' FROM 's3cret'", None),
    "a length": ("UPDATE thing SET name = :value", "s3cret and more"),
    "a number": ("UPDATE thing SET size = CAST(CAST(:value AS text) AS int)", "s3cret"),
    "half a pair": ("UPDATE thing SET name = :value", "s3cret\ud800"),
}
"""What is sent, each time with the same secret in it."""

WORDS = ["s3cr", "SELECT", "INSERT", "UPDATE"]


@pytest.fixture
async def database(locate: Locate) -> AsyncIterator[Database]:
    async with Database(DatabaseSettings(url=locate())) as database:
        yield database


async def told(database: Database, statement: str, value: str | None) -> str:
    """The words of an exception and of all its causes, as a log has them in a traceback."""
    values = {} if value is None else {"value": value}
    async with database.session() as session:
        connection = await session.connection()
        with pytest.raises(sa.DBAPIError) as caught:
            await connection.execute(text(statement), values)
        await session.rollback()
    lines: list[str] = []
    error: BaseException | None = caught.value
    while error is not None:
        lines += traceback.format_exception_only(error)
        hidden = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or hidden
    return "".join(lines)


@pytest.mark.parametrize("case", CASES)
async def test_neither_statement_nor_value_is_told(database: Database, case: str) -> None:
    words = await told(database, *CASES[case])

    assert [word for word in WORDS if word in words] == []


async def test_what_broke_is_told(database: Database) -> None:
    words = await told(database, *CASES["a constraint"])

    assert 'violates unique constraint "thing_pkey"' in words


async def test_constraint_and_code_stay_with_the_exception(database: Database) -> None:
    with pytest.raises(sa.IntegrityError) as caught:
        async with database.session() as session:
            await (await session.connection()).exec_driver_sql("INSERT INTO thing VALUES (1)")

    error = caught.value.orig
    driver = error.__cause__ or error if error else None
    described = getattr(driver, "diag", driver)
    assert getattr(described, "constraint_name", None) == "thing_pkey"
    assert getattr(driver, "sqlstate", None) == "23505"


async def test_echo_tells_the_statement_and_still_no_value(locate: Locate) -> None:
    async with Database(DatabaseSettings(url=locate(), echo=True)) as database:
        words = await told(database, *CASES["a constraint"])

    assert "INSERT INTO thing" in words
    assert "s3cr" not in words


async def test_echo_parameters_tells_the_values(locate: Locate) -> None:
    settings = DatabaseSettings(url=locate(), echo_parameters=True)
    async with Database(settings) as database:
        words = await told(database, *CASES["a type"])

    assert "s3cret" in words


async def test_a_mistake_before_the_statement_is_sent_tells_no_statement(
    database: Database,
) -> None:
    with pytest.raises(sa.StatementError) as caught:
        async with database.session() as session:
            await (await session.connection()).execute(text("SELECT :missing"))

    assert "SELECT" not in str(caught.value)
    assert "missing" in str(caught.value)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (psycopg.errors.UniqueViolation("taken\nDETAIL:  Key (name)=(s3cret)"), "taken"),
        (
            psycopg.errors.InvalidTextRepresentation('not a number: "s3cret\n"\nLINE 1: SELECT'),
            'not a number: "***"',
        ),
        (
            asyncpg.DataError("invalid input for query argument $1: 's3cret' (expected int)"),
            "invalid input for query argument $1",
        ),
        (psycopg.errors.UndefinedTable("no \x1b[2J\r\u2028\u202ething"), "no ?[2J???thing"),
    ],
    ids=["a constraint", "a number", "an argument", "a terminal's commands"],
)
def test_the_words_of_any_engines_exception_can_be_told(error: Exception, words: str) -> None:
    assert words_of(sa.DBAPIError("SELECT 1", {"name": "s3cret"}, error)) == words


def test_the_words_of_wellheads_own_exceptions_are_told_without_the_hint() -> None:
    assert words_of(WellheadError("It broke.", hint="Mend it.")) == "It broke."
    assert words_of(sa.TimeoutError("No connection was free.")) == "No connection was free."
    assert words_of(ValueError("s3cret")) == ""
