"""An address that leads to a standby: what it refuses retires the connections, and runs again.

After a failover the old primary comes back as a standby, at the address that the pool knows. Here a
proxy leads to a standby first, and then to the primary.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import bindparam, insert, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.staging.patience import until
from tests.staging.streaming import Replication
from wellhead import (
    Database,
    DatabaseSettings,
    Fault,
    ReadOnlyError,
    StandbyError,
    classify,
    compiled,
)
from wellhead.testing.proxy import TCPProxy


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Letter(Table, table=True):
    """A row."""

    id: int = Field(primary_key=True)


add = compiled(insert(Letter).values(id=bindparam("id")))
letters = compiled(select(Letter.id).order_by(Letter.id))  # type: ignore[arg-type]
KEPT = 3


@pytest.fixture
async def servers(replication: Replication) -> Replication:
    """A primary and its standbys, with an empty table."""
    await replication.primary.ask("DROP TABLE IF EXISTS letter")
    await replication.primary.ask("CREATE TABLE letter (id int PRIMARY KEY)")
    await replication.catch_up()
    return replication


@pytest.fixture
async def address(servers: Replication) -> AsyncIterator[TCPProxy]:
    """Where the primary was before the failover; now a standby responds there."""
    async with TCPProxy("127.0.0.1", servers.standbys[0].port) as proxy:
        yield proxy


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
def settings(
    request: pytest.FixtureRequest, servers: Replication, address: TCPProxy
) -> DatabaseSettings:
    url = servers.primary.url.replace(f":{servers.primary.port}/", f":{address.port}/")
    return DatabaseSettings(
        url=url.replace("postgresql", str(request.param), 1),
        pool_size=5,
        run_timeout=300,
        request_timeout=600,
    )


@pytest.fixture
async def database(settings: DatabaseSettings) -> AsyncIterator[Database]:
    """A database whose pool keeps three connections to the standby."""
    async with Database(settings) as database:
        await fill(database)
        yield database


async def fill(database: Database) -> None:
    connections = [database.engine.connect() for _ in range(KEPT)]
    await asyncio.gather(*(connection.start() for connection in connections))
    await asyncio.gather(*(connection.close() for connection in connections))
    assert database.stats().checked_in == KEPT


async def write(session: AsyncSession, letter: int, *before: str) -> None:
    connection = await session.connection()
    for statement in before:
        await connection.execute(text(statement))
    await connection.execute(insert(Letter).values(id=letter))


async def has_kept_all(database: Database) -> bool:
    """Whether no connection was closed; one that has to be reset comes back in a moment."""
    await until(lambda: database.stats().checked_in == KEPT)
    return database.stats().opened == KEPT


async def test_work_that_met_a_standby_runs_again_on_the_primary(
    database: Database, servers: Replication, address: TCPProxy
) -> None:
    attempts = 0

    async def work(session: AsyncSession) -> None:
        nonlocal attempts
        attempts += 1
        try:
            await write(session, 1)
        except StandbyError:
            address.lead_to(servers.primary.port)
            raise

    await database.run(work)

    assert attempts == 2
    assert database.run_stats().retried == {Fault.STANDBY: 1}
    assert await servers.primary.ask("SELECT count(*) FROM letter") == 1


async def test_one_refusal_retires_every_connection(database: Database) -> None:
    with pytest.raises(StandbyError, match="25006") as caught:
        async with database.session() as session:
            await write(session, 1)
    await until(lambda: not database.stats().closing)
    stats = database.stats()

    assert (stats.checked_in, stats.checked_out, sum(stats.closed.values())) == (0, 0, KEPT)
    meaning = classify(caught.value)
    assert (meaning.fault, meaning.http_status, meaning.retry_after) == (Fault.STANDBY, 503, 1)
    assert (meaning.is_transient, meaning.can_run_again) == (True, True)


async def test_a_refusal_of_the_first_of_several_uses_retires_once(database: Database) -> None:
    """Connections made after the first refusal are of a new generation, which stays."""
    async with database.engine.connect() as late:
        with pytest.raises(StandbyError):
            async with database.session() as session:
                await write(session, 1)
        await fill(database)
        with pytest.raises(StandbyError):
            await late.execute(text("INSERT INTO letter VALUES (1)"))

        assert database.stats().checked_in == KEPT


async def test_a_compiled_write_runs_again_on_the_primary(
    database: Database, servers: Replication, address: TCPProxy
) -> None:
    writing = asyncio.create_task(add.execute(database, id=1))
    await until(lambda: database.run_stats().retried)
    address.lead_to(servers.primary.port)
    await writing

    assert database.run_stats().retried.keys() == {Fault.STANDBY}
    assert await letters.all(database) == [1]
    assert sum(database.stats().closed.values()) >= KEPT


async def test_the_probe_tells_a_standby_from_the_new_primary(
    database: Database,
    servers: Replication,
    address: TCPProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wellhead.health.health.FRESH_FOR", 0.0)
    with pytest.raises(StandbyError):
        async with database.session() as session:
            await write(session, 1)
    known = database.last_known()
    asked = await database.check()
    address.lead_to(servers.primary.port)
    after = await database.check()

    assert (known.state, known.fault) == ("read_only", Fault.READ_ONLY_SERVER)
    assert asked.state == "read_only"
    assert (await database.ready()).is_ready
    assert after.state == "connected"


async def test_what_a_reader_refuses_retires_nothing(database: Database) -> None:
    async with database.reader() as reader:
        with pytest.raises(ReadOnlyError):
            await reader.exec(text("INSERT INTO letter VALUES (1)"))

    assert await has_kept_all(database)


@pytest.mark.parametrize("query", ["target_session_attrs=prefer-standby", "pgbouncer=true"])
async def test_a_url_of_a_standby_or_of_a_pooler_keeps_its_connections(
    settings: DatabaseSettings, query: str
) -> None:
    url = f"{settings.url.render(hide_password=False)}&{query}"
    async with Database(DatabaseSettings(url=url, pool_size=5)) as database:
        await fill(database)
        with pytest.raises(Exception, match="read-only transaction") as caught:
            async with database.session() as session:
                await write(session, 1)
        with pytest.raises(Exception, match="read-only transaction"):
            await add.execute(database, id=1)

        assert classify(caught.value).fault is Fault.READ_ONLY_SERVER
        assert await has_kept_all(database)


@pytest.mark.parametrize(
    "means", ["SET TRANSACTION READ ONLY", "SET LOCAL transaction_read_only = on"]
)
async def test_a_primary_that_refuses_keeps_its_connections(
    settings: DatabaseSettings, servers: Replication, address: TCPProxy, means: str
) -> None:
    address.lead_to(servers.primary.port)
    async with Database(settings) as database:
        await fill(database)
        with pytest.raises(Exception, match="read-only transaction") as caught:
            async with database.session() as session:
                await write(session, 1, means)

        assert classify(caught.value).fault is Fault.READ_ONLY_SERVER
        assert await has_kept_all(database)
