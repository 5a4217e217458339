"""Arguments of the application's own for the engine: most pass, a setting's are refused."""

import json
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, String, Table, func, insert, literal
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import select

from wellhead import Database, DatabaseSettings, SettingsError, compiled

URL = "postgresql://u:p@db.example/shop"

notes = Table("notes", MetaData(), Column("level", String(40)))


def read(value: str) -> Any:
    return {"read": json.loads(value)}


async def test_a_serializer_of_its_own_is_used(either_url: str) -> None:
    options = {"json_serializer": lambda value: json.dumps(str(value)), "json_deserializer": read}
    async with (
        Database(DatabaseSettings(url=either_url), engine_options=options) as database,
        database.engine.connect() as connection,
    ):
        found = await connection.scalar(select(literal({1}, JSONB)))

    assert found == {"read": "{1}"}


async def test_an_isolation_level_holds_in_sessions_and_readers_stay_plain(either_url: str) -> None:
    options = {"isolation_level": "SERIALIZABLE"}
    level = select(func.current_setting("transaction_isolation"))
    async with Database(DatabaseSettings(url=either_url), engine_options=options) as database:
        async with database.session() as session:
            in_session = (await session.exec(level)).one()
        async with database.reader() as reader:
            assert (await reader.exec(select(literal(1)))).one() == 1
        async with database.session() as session:
            again = (await session.exec(level)).one()

    assert (in_session, again) == ("serializable", "serializable")


@pytest.mark.parametrize(
    "options",
    [
        {"isolation_level": "SERIALIZABLE"},
        {"execution_options": {"isolation_level": "SERIALIZABLE"}},
    ],
    ids=["of the engine", "as an execution option"],
)
async def test_an_isolation_level_holds_for_compiled_writes(options: Any, either_url: str) -> None:
    level = func.current_setting("transaction_isolation")
    note = compiled(insert(notes).values(level=level).returning(notes.c.level))
    async with Database(DatabaseSettings(url=either_url), engine_options=options) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(notes.metadata.create_all)

        assert await note.one(database) == "serializable"


async def test_execution_options_are_those_of_every_statement(either_url: str) -> None:
    options = {"execution_options": {"logging_token": "mine"}}
    async with (
        Database(DatabaseSettings(url=either_url), engine_options=options) as database,
        database.session() as session,
    ):
        connection = await session.connection()
        assert connection.sync_connection is not None
        known = connection.sync_connection.get_execution_options()

    assert known["logging_token"] == "mine"


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("pool_size", "DATABASE_POOL_SIZE"),
        ("pool_pre_ping", "DATABASE_POOL_PRE_PING"),
        ("poolclass", "DATABASE_POOL_MODE"),
        ("hide_parameters", "DATABASE_ECHO_PARAMETERS"),
        ("connect_args", "URL"),
        ("async_creator", "credentials"),
        ("pool_reset_on_return", "clean"),
    ],
)
def test_what_wellhead_decides_is_refused_with_what_to_use(name: str, instead: str) -> None:
    with pytest.raises(SettingsError, match=rf"'{name}'.*{instead}"):
        Database(DatabaseSettings(url=URL), engine_options={name: None})


def test_an_argument_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"json_serialiser.*Did you mean json_serializer"):
        Database(DatabaseSettings(url=URL), engine_options={"json_serialiser": str})


@pytest.mark.parametrize(
    "options",
    [{"isolation_level": "AUTOCOMMIT"}, {"execution_options": {"isolation_level": "AUTOCOMMIT"}}],
)
def test_autocommit_for_every_session_is_refused(options: Any) -> None:
    with pytest.raises(SettingsError, match="one transaction"):
        Database(DatabaseSettings(url=URL), engine_options=options)


async def test_an_argument_that_the_driver_does_not_take_is_refused_when_it_opens() -> None:
    options = {"use_native_hstore": False}
    with pytest.raises(SettingsError, match="use_native_hstore"):
        await Database(DatabaseSettings(url=URL), engine_options=options).open()


async def test_echo_in_the_options_shows_statements_as_the_setting_does(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = DatabaseSettings(url=database_url)
    async with (
        Database(settings, engine_options={"echo": True}) as database,
        database.engine.connect() as connection,
    ):
        await connection.scalar(select(literal(1).label("shown")))

    assert "AS shown" in caplog.text
