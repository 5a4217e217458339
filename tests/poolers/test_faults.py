"""What a pooler's failures mean, and that units of work come through one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.staging.databases import Databases
from tests.staging.pgbouncer import PgBouncer
from wellhead import (
    CommitUnknownError,
    Database,
    DatabaseSettings,
    Fault,
    TooManyConnectionsError,
    classify,
)
from wellhead.embedded import EmbeddedPostgres
from wellhead.testing.proxy import COMMIT, TCPProxy


async def insert(session: AsyncSession) -> None:
    await (await session.connection()).execute(text("INSERT INTO done VALUES (1)"))


async def rows(database: Database) -> int:
    async with database.session() as session:
        return int(await session.scalar(text("SELECT count(*) FROM done")) or 0)


async def make_table(database: Database) -> None:
    async with database.session() as session:
        await (await session.connection()).execute(text("CREATE TABLE done (id int)"))


async def failure(database: Database, work: Callable[[AsyncSession], Awaitable[None]]) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is what the tests ask
        async with database.session() as session:
            await work(session)
    return caught.value


@pytest.fixture
def small(
    pooler: PgBouncer,
    postgres: EmbeddedPostgres,
    pooled_url: str,
    database_url: str,
    tmp_path: Path,
) -> Callable[..., AbstractContextManager[str]]:
    """Starts another pooler of the kind, with limits that are soon reached; gives its URL."""

    @contextmanager
    def start(*, pool_size: int = 5, **options: str) -> Iterator[str]:
        pgbouncer = PgBouncer(
            pooler.kind, postgres.url, tmp_path, pool_size=pool_size, options=options
        )
        with pgbouncer:
            scheme = urlsplit(pooled_url).scheme
            yield pgbouncer.url(database_url).replace("postgresql", scheme, 1)

    return start


Small = Callable[..., AbstractContextManager[str]]


async def test_one_client_too_many_may_be_tried_again(small: Small) -> None:
    with small(max_client_conn="1") as url:
        async with Database(DatabaseSettings(url=url)):
            with pytest.raises(TooManyConnectionsError) as caught:
                await Database(DatabaseSettings(url=url, connect_retry_count=1)).open()

    assert "max_client_conn" in str(caught.value)


@pytest.mark.slow
async def test_waiting_too_long_for_a_server_is_too_many_connections(small: Small) -> None:
    with small(pool_size=1, query_wait_timeout="1") as url:
        async with Database(DatabaseSettings(url=url)) as database, database.session() as holder:
            await holder.scalar(text("SELECT 1"))
            found = classify(
                await failure(database, lambda session: session.scalar(text("SELECT 1")))
            )

    assert (found.fault, found.http_status) == (Fault.TOO_MANY_CONNECTIONS, 503)
    assert found.connection_lost
    assert found.can_run_again


async def test_a_server_that_ends_behind_the_pooler_is_a_lost_connection(
    pooled_url: str, databases: Databases
) -> None:
    async def lose(session: AsyncSession) -> None:
        pid = await session.scalar(text("SELECT pg_backend_pid()"))
        await asyncio.to_thread(databases.execute, f"SELECT pg_terminate_backend({pid}, 5000)")
        await session.scalar(text("SELECT 1"))

    async with Database(DatabaseSettings(url=pooled_url)) as database:
        found = classify(await failure(database, lose))

    assert (found.fault, found.http_status) == (Fault.CONNECTION_LOST, 503)
    assert found.is_transient


async def test_a_server_that_ends_in_a_statement_behind_the_pooler_is_a_lost_connection(
    pooled_url: str,
) -> None:
    async def lose(session: AsyncSession) -> None:
        await session.scalar(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    async with Database(DatabaseSettings(url=pooled_url)) as database:
        found = classify(await failure(database, lose))

    assert (found.fault, found.http_status) == (Fault.CONNECTION_LOST, 503)
    assert found.can_run_again


async def test_a_server_that_ends_in_the_commit_behind_the_pooler_leaves_the_outcome_open(
    pooled_url: str,
) -> None:
    async with Database(DatabaseSettings(url=pooled_url)) as database:
        await make_table(database)
        async with database.session() as session:
            connection = await session.connection()
            await connection.execute(
                text(
                    "CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                    "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
                )
            )
            await connection.execute(
                text(
                    "CREATE CONSTRAINT TRIGGER leave AFTER INSERT ON done "
                    "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION leave()"
                )
            )

        assert isinstance(await failure(database, insert), CommitUnknownError)


@pytest.mark.parametrize("passes", [False, True])
async def test_a_commit_without_an_answer_is_repeated_through_the_pooler_where_that_is_allowed(
    pooled_url: str, passes: bool
) -> None:
    port = urlsplit(pooled_url).port
    assert port is not None
    async with TCPProxy("127.0.0.1", port) as proxy:
        url = pooled_url.replace(f":{port}/", f":{proxy.port}/")
        async with Database(DatabaseSettings(url=url)) as database:
            await make_table(database)
            proxy.break_at(COMMIT, passes=passes)
            await database.run(insert, is_repeatable=True)

            assert await rows(database) == 1 + passes
            assert database.run_stats().unknown == 1


async def test_a_unit_of_work_is_run_again_through_the_pooler(
    pooled_url: str,
) -> None:
    attempts = 0

    async def lose_first(session: AsyncSession) -> None:
        nonlocal attempts
        attempts += 1
        await insert(session)
        if attempts == 1:
            await session.scalar(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    async with Database(DatabaseSettings(url=pooled_url)) as database:
        await make_table(database)
        await database.run(lose_first)

        assert (attempts, await rows(database)) == (2, 1)
