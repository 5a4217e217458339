"""Units of work: what runs again, and what must not."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import CursorResult, Integer, column, table, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.staging.databases import Databases
from tests.staging.patience import until
from wellhead import (
    CommitUnknownError,
    Database,
    DatabaseSettings,
    Fault,
    NotOpenError,
    PoolTimeout,
    RolledBackError,
    UnreachableError,
    classify,
)
from wellhead.sessions.commits import counting_commits
from wellhead.sessions.unit_of_work import MOST_UNKNOWN
from wellhead.testing.proxy import COMMIT, TCPProxy

Met = Callable[[AsyncSession], Awaitable[None]]


@pytest.fixture
async def database(either_url: str) -> AsyncIterator[Database]:
    """A database with two counters and an empty list of what was done."""
    settings = DatabaseSettings(url=either_url, pool_timeout=21, connect_timeout=20)
    async with Database(settings) as database:
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql("CREATE TABLE done (what text UNIQUE)")
            await connection.exec_driver_sql("CREATE TABLE counter (id int PRIMARY KEY, n int)")
            await connection.exec_driver_sql("INSERT INTO counter VALUES (1, 0), (2, 0)")
        yield database


async def sql(session: AsyncSession, statement: str) -> CursorResult[Any]:
    return await (await session.connection()).execute(text(statement))


async def write(session: AsyncSession, what: str) -> None:
    await sql(session, f"INSERT INTO done VALUES ('{what}')")  # noqa: S608 - from this file


async def done(database: Database) -> list[str]:
    async with database.engine.connect() as connection:
        return list(await connection.scalars(text("SELECT what FROM done ORDER BY what")))


async def add_one(session: AsyncSession, counter: int) -> None:
    await sql(session, f"UPDATE counter SET n = n + 1 WHERE id = {counter}")  # noqa: S608


async def counters(database: Database) -> list[int]:
    async with database.engine.connect() as connection:
        return list(await connection.scalars(text("SELECT n FROM counter ORDER BY id")))


class Attempts:
    """Work that counts how often it runs, and meets something each time.

    Args:
        met: What happens in the middle of an attempt.
        times: In how many attempts it happens.
    """

    def __init__(
        self, met: Callable[[AsyncSession], Awaitable[object]] | None = None, *, times: int = 1
    ) -> None:
        self.count = 0
        self.sessions: list[AsyncSession] = []
        self._met = met
        self._times = times

    async def __call__(self, session: AsyncSession) -> int:
        self.count += 1
        self.sessions.append(session)
        await write(session, f"attempt {self.count}")
        if self._met is not None and self.count <= self._times:
            await self._met(session)
        return self.count


@pytest.fixture
def end(databases: Databases) -> Met:
    """Ends the server's side of a session's connection."""

    async def terminate(session: AsyncSession) -> None:
        pid = await session.scalar(text("SELECT pg_backend_pid()"))
        await asyncio.to_thread(databases.execute, f"SELECT pg_terminate_backend({pid}, 5000)")

    return terminate


@pytest.fixture
def lose(end: Met) -> Met:
    """Ends a session's connection, and meets that."""

    async def end_and_go_on(session: AsyncSession) -> None:
        await end(session)
        await sql(session, "SELECT 1")

    return end_and_go_on


async def test_work_that_meets_nothing_runs_once_and_is_committed(database: Database) -> None:
    work = Attempts()

    assert await database.run(work) == 1
    assert await done(database) == ["attempt 1"]
    assert (database.run_stats().units, dict(database.run_stats().retried)) == (1, {})


async def test_what_work_raises_is_raised_and_rolled_back(database: Database) -> None:
    async def refuse(_: AsyncSession) -> None:
        raise LookupError("nothing there")

    work = Attempts(refuse)
    with pytest.raises(LookupError, match="nothing there"):
        await database.run(work)

    assert (work.count, await done(database)) == (1, [])


@pytest.mark.parametrize("kind", [TimeoutError, FileNotFoundError, ConnectionResetError])
async def test_what_failed_elsewhere_is_not_repeated(
    database: Database, kind: type[OSError]
) -> None:
    async def fail(_: AsyncSession) -> None:
        raise kind

    work = Attempts(fail)
    with pytest.raises(kind):
        await database.run(work)

    assert work.count == 1


async def test_two_that_deadlock_both_succeed(database: Database) -> None:
    met = asyncio.Barrier(2)

    waiting = 2

    async def lock(session: AsyncSession, first: int, second: int) -> None:
        nonlocal waiting
        await sql(session, "SET LOCAL deadlock_timeout = 10")
        await add_one(session, first)
        if waiting:
            waiting -= 1
            await met.wait()
        await add_one(session, second)

    await asyncio.gather(
        database.run(lambda session: lock(session, 1, 2)),
        database.run(lambda session: lock(session, 2, 1)),
    )

    assert await counters(database) == [2, 2]
    assert database.run_stats().retried == {Fault.DEADLOCK: 1}


async def test_two_that_cannot_be_put_in_order_both_succeed(database: Database) -> None:
    met = asyncio.Barrier(2)
    attempts = 0

    async def copy(session: AsyncSession, source: int, target: int) -> None:
        nonlocal attempts
        attempts += 1
        await session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
        n = await session.scalar(text(f"SELECT n FROM counter WHERE id = {source}"))  # noqa: S608
        if attempts <= 2:
            await met.wait()
        await sql(session, f"UPDATE counter SET n = {n + 1} WHERE id = {target}")  # noqa: S608

    await asyncio.gather(
        database.run(lambda session: copy(session, 1, 2)),
        database.run(lambda session: copy(session, 2, 1)),
    )

    assert sorted(await counters(database)) == [1, 2]
    assert database.run_stats().retried == {Fault.SERIALIZATION: 1}


async def test_a_connection_that_ended_while_it_was_idle_is_not_noticed(
    database: Database, databases: Databases
) -> None:
    pid = await database.run(lambda session: session.scalar(text("SELECT pg_backend_pid()")))
    databases.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
    work = Attempts()
    await database.run(work)

    assert await done(database) == [f"attempt {work.count}"]


async def test_a_connection_that_ends_in_the_middle_is_replaced_and_the_work_done_once(
    database: Database, lose: Met
) -> None:
    work = Attempts(lose)

    assert await database.run(work) == 2
    assert await done(database) == ["attempt 2"]
    assert database.run_stats().retried == {Fault.CONNECTION_LOST: 1}


async def test_every_attempt_has_a_session_of_its_own(database: Database, lose: Met) -> None:
    work = Attempts(lose)
    await database.run(work)

    assert len(set(map(id, work.sessions))) == 2


async def test_a_plan_that_a_migration_made_stale_is_not_noticed(
    database: Database,
) -> None:
    async def read(session: AsyncSession) -> None:
        for _ in range(7):
            await sql(session, "SELECT * FROM counter")

    await database.run(read)
    async with database.engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE counter ADD COLUMN name text")
    await database.run(read)

    assert dict(database.run_stats().retried) in ({}, {Fault.STALE_PLAN: 1})


def in_a_group(work: Met) -> Met:
    async def run_in_a_group(session: AsyncSession) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.sleep(0))
            tasks.create_task(run_in_another(session))

    async def run_in_another(session: AsyncSession) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(work(session))  # type: ignore[arg-type]

    return run_in_a_group


async def test_what_soon_passes_does_so_in_a_task_group_too(database: Database, lose: Met) -> None:
    work = Attempts(in_a_group(lose))

    assert await database.run(work) == 2
    assert await done(database) == ["attempt 2"]
    assert database.run_stats().retried == {Fault.CONNECTION_LOST: 1}


async def test_a_group_with_a_failure_of_something_else_is_not_repeated(
    database: Database, lose: Met
) -> None:
    async def fail_twice(session: AsyncSession) -> None:
        try:
            await lose(session)
        except DBAPIError as error:
            raise ExceptionGroup("both", [error, ConnectionResetError()]) from None

    work = Attempts(fail_twice)
    with pytest.raises(ExceptionGroup):
        await database.run(work)

    assert work.count == 1


@pytest.mark.parametrize(("is_repeatable", "times"), [(False, 1), (True, MOST_UNKNOWN)])
async def test_a_group_with_a_commit_without_an_answer_is_repeated_only_where_that_is_allowed(
    database: Database, *, is_repeatable: bool, times: int
) -> None:
    async def lose_both(_: AsyncSession) -> None:
        lost = [UnreachableError("away"), CommitUnknownError.after_silence()]
        raise ExceptionGroup("both", lost)

    work = Attempts(lose_both, times=MOST_UNKNOWN + 1)
    with pytest.raises(ExceptionGroup):
        await database.run(work, is_repeatable=is_repeatable)

    assert work.count == times


async def test_a_broken_constraint_is_raised_at_once(database: Database) -> None:
    async def repeat(session: AsyncSession) -> None:
        await write(session, "attempt 1")

    work = Attempts(repeat)
    with pytest.raises(IntegrityError):
        await database.run(work)

    assert work.count == 1


async def test_work_that_committed_by_itself_is_not_run_again(database: Database, end: Met) -> None:
    async def commit_and_lose(session: AsyncSession) -> None:
        await session.commit()
        await end(session)
        await sql(session, "SELECT 1")

    work = Attempts(commit_and_lose)
    with pytest.raises(DBAPIError) as caught:
        await database.run(work)

    assert classify(caught.value).fault is Fault.CONNECTION_LOST
    assert (work.count, await done(database)) == (1, ["attempt 1"])


async def commit_in_words(session: AsyncSession) -> None:
    await sql(session, "-- for good\n /* now */ commit ")


async def commit_on_the_connection(session: AsyncSession) -> None:
    connection = await session.connection()
    await connection.commit()


@pytest.mark.parametrize("commit", [commit_in_words, commit_on_the_connection])
async def test_a_commit_past_the_session_counts_as_well(
    database: Database, lose: Met, commit: Met
) -> None:
    async def commit_and_lose(session: AsyncSession) -> None:
        await commit(session)
        await lose(session)

    work = Attempts(commit_and_lose)
    with pytest.raises(DBAPIError):
        await database.run(work)

    assert (work.count, await done(database)) == (1, ["attempt 1"])


async def test_work_in_autocommit_is_not_run_again(database: Database, end: Met) -> None:
    count = 0

    async def work(session: AsyncSession) -> None:
        nonlocal count
        count += 1
        await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        await write(session, f"attempt {count}")
        await end(session)
        await sql(session, "SELECT 1")

    with pytest.raises(DBAPIError):
        await database.run(work)

    assert (count, await done(database)) == (1, ["attempt 1"])


async def test_a_commit_that_did_not_get_through_is_unknown_and_not_repeated(
    database: Database, proxy: TCPProxy
) -> None:
    proxy.break_at(COMMIT, passes=False)
    work = Attempts()
    with pytest.raises(CommitUnknownError):
        await database.run(work)

    assert (work.count, await done(database)) == (1, [])
    assert database.run_stats().unknown == 1


async def test_a_commit_whose_answer_is_lost_is_unknown_and_not_repeated(
    database: Database, proxy: TCPProxy
) -> None:
    proxy.break_at(COMMIT, passes=True)
    work = Attempts()
    with pytest.raises(CommitUnknownError):
        await database.run(work)

    assert (work.count, await done(database)) == (1, ["attempt 1"])
    assert database.run_stats().unknown == 1


async def test_a_commit_that_is_known_not_to_be_sent_is_repeated(
    database: Database, end: Met, proxy: TCPProxy
) -> None:
    async def end_first(session: AsyncSession) -> None:
        heard = proxy.bytes_to_client
        await end(session)
        await until(lambda: proxy.bytes_to_client > heard)
        # The proxy has the server's last words; a few turns of the loop bring them here.
        await asyncio.sleep(0.02)

    work = Attempts(end_first)

    assert await database.run(work) == 2
    assert await done(database) == ["attempt 2"]
    assert database.run_stats().unknown == 0


async def test_repeatable_work_is_done_again_after_a_commit_without_an_answer(
    database: Database, proxy: TCPProxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.break_at(COMMIT, passes=True)
    work = Attempts()

    assert await database.run(work, is_repeatable=True) == 2

    assert await done(database) == ["attempt 1", "attempt 2"]
    stats = database.run_stats()
    assert (stats.unknown, stats.retried) == (1, {Fault.OUTCOME_UNKNOWN: 1})
    assert "attempt 1 failed: outcome_unknown" in caplog.text


async def test_repeatable_work_gives_up_after_three_commits_without_an_answer(
    database: Database, proxy: TCPProxy
) -> None:
    broken = [proxy.break_at(COMMIT, passes=False) for _ in range(MOST_UNKNOWN + 1)]
    with pytest.raises(CommitUnknownError):
        await database.run(Attempts(), is_repeatable=True)

    assert [each.is_set() for each in broken] == [True] * MOST_UNKNOWN + [False]


async def test_what_fails_after_a_lost_commit_of_repeatable_work_leaves_it_unknown(
    database: Database, proxy: TCPProxy
) -> None:
    async def fail_the_second_time(session: AsyncSession) -> None:
        if work.count == 2:
            await sql(session, "SELECT 1 / 0")

    work = Attempts(fail_the_second_time, times=2)
    proxy.break_at(COMMIT, passes=True)
    with pytest.raises(CommitUnknownError):
        await database.run(work, is_repeatable=True)

    assert (work.count, await done(database)) == (2, ["attempt 1"])


async def test_repeatable_work_that_committed_by_itself_is_not_repeated(
    database: Database, proxy: TCPProxy
) -> None:
    async def commit_and_go_on(session: AsyncSession) -> None:
        await session.commit()
        proxy.break_at(COMMIT, passes=True)
        await sql(session, "SELECT 1")

    work = Attempts(commit_and_go_on)
    with pytest.raises(CommitUnknownError):
        await database.run(work, is_repeatable=True)

    assert (work.count, await done(database)) == (1, ["attempt 1"])


async def test_a_unit_that_was_repeated_leaves_nothing_open(
    database: Database, proxy: TCPProxy
) -> None:
    proxy.break_at(COMMIT, passes=True)
    with counting_commits() as commits:
        await database.run(Attempts(), is_repeatable=True)

    assert (commits.succeeded, commits.is_open) == (1, False)


async def test_no_attempt_begins_after_the_deadline(database: Database, lose: Met) -> None:
    work = Attempts(lose)
    with pytest.raises(DBAPIError):
        await database.run(work, deadline=0)

    assert work.count == 1


async def test_the_deadline_is_a_setting(either_url: str, proxy: TCPProxy) -> None:
    settings = DatabaseSettings(url=either_url, run_timeout=0, pool_mode="none")
    async with Database(settings) as database:
        await proxy.refuse()
        with pytest.raises(UnreachableError):
            await database.run(Attempts())

        assert database.run_stats().retried == {}


async def test_a_connection_that_cannot_be_made_for_a_moment_is_not_noticed(
    database: Database, either_url: str, proxy: TCPProxy
) -> None:
    settings = DatabaseSettings(url=either_url, pool_mode="none")
    async with Database(settings) as other:
        await proxy.refuse()
        running = asyncio.create_task(other.run(Attempts()))
        await until(lambda: bool(other.run_stats().retried))
        await proxy.accept()
        await running

    assert set(other.run_stats().retried) == {Fault.UNREACHABLE}
    assert len(await done(database)) == 1


async def test_waiting_in_vain_for_a_connection_is_not_repeated(either_url: str) -> None:
    settings = DatabaseSettings(
        url=either_url, pool_size=1, max_overflow=0, pool_timeout=3.1, connect_timeout=3
    )
    work = Attempts()
    async with Database(settings) as database, database.session() as holder:
        await holder.connection()
        with pytest.raises(PoolTimeout):
            await database.run(work)

    assert work.count == 1


async def test_a_closed_database_runs_nothing(either_url: str) -> None:
    with pytest.raises(NotOpenError):
        await Database(DatabaseSettings(url=either_url)).run(Attempts())


async def test_a_failure_that_work_passed_over_is_not_taken_for_a_commit(
    database: Database,
) -> None:
    async def pass_over(session: AsyncSession) -> None:
        with pytest.raises(ProgrammingError):
            await sql(session, "SELECT * FROM nowhere")

    with pytest.raises(RolledBackError) as caught:
        await database.run(Attempts(pass_over))

    assert classify(caught.value).http_status == 500
    assert await done(database) == []
    await database.run(Attempts())
    assert await done(database) == ["attempt 1"]


async def test_each_repetition_is_logged_without_sql(
    database: Database, lose: Met, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "wellhead"):
        await database.run(Attempts(lose))

    records = [vars(each) for each in caplog.records if "again" in each.getMessage()]
    assert [(each["event"], each["fault"], each["attempt"]) for each in records] == [
        ("unit_of_work_retry", "connection_lost", 1)
    ]
    assert "SELECT" not in caplog.text
    assert "INSERT" not in caplog.text


async def test_it_costs_the_round_trips_of_a_transaction(
    database: Database, proxy: TCPProxy
) -> None:
    async def work(session: AsyncSession) -> None:
        await (await session.connection()).execute(change)

    counter = table("counter", column("id", Integer), column("n", Integer))
    change = update(counter).values(n=1).where(counter.c.id == 1)
    for _ in range(7):
        await database.run(work)
    await until(lambda: database.stats().idle == database.stats().total)
    proxy.reset()
    await database.run(work)

    assert proxy.round_trips == 3


async def test_it_works_in_memory() -> None:
    async with Database(DatabaseSettings(url="sqlite+aiosqlite://")) as database:

        async def work(session: AsyncSession) -> object:
            return await session.scalar(text("SELECT 1"))

        assert await database.run(work) == 1


@pytest.mark.parametrize(
    ("options", "left"),
    [({"isolation_level": "SERIALIZABLE"}, 1), ({}, 0)],
    ids=["skew", "control"],
)
async def test_of_two_that_read_what_the_other_writes_one_runs_again(
    database: Database, options: dict[str, str], left: int
) -> None:
    # A transaction that sees both counters at 1 sets its own to 0: one of them must stay.
    async with database.engine.begin() as connection:
        await connection.execute(text("UPDATE counter SET n = 1"))
    have_read = asyncio.Barrier(2)

    async def leave(counter: int) -> int:
        attempts = 0

        async def work(session: AsyncSession) -> None:
            nonlocal attempts
            attempts += 1
            await session.connection(execution_options=options)
            present = (await sql(session, "SELECT sum(n) FROM counter")).scalar_one()
            if attempts == 1:
                await have_read.wait()
            if present > 1:
                await sql(session, f"UPDATE counter SET n = 0 WHERE id = {counter}")  # noqa: S608

        await database.run(work)
        return attempts

    attempts = await asyncio.gather(leave(1), leave(2))

    assert (sum(await counters(database)), sorted(attempts)) == (left, [1, 1 + left])
    assert dict(database.run_stats().retried) == ({Fault.SERIALIZATION: 1} if left else {})
