"""One session, one task: a second task that uses a session in the meantime is refused."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import pytest
from sqlalchemy import func, insert, text, update
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncConnection, async_sessionmaker
from sqlalchemy.orm import registry
from sqlmodel import Field, Session, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.staging.patience import until
from wellhead import (
    AsyncPool,
    Database,
    DatabaseSettings,
    ExclusiveSession,
    Fault,
    SessionInUseError,
    classify,
)
from wellhead.pool.sqlalchemy import await_

Use = Callable[[ExclusiveSession], Coroutine[Any, Any, object]]


def words(statement: str) -> Any:
    """Text, which SQLModel's sessions take, too."""
    return text(statement)


SLOW = words("SELECT 7, pg_sleep(0.05)")


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Boat(Table, table=True):
    """A row to use."""

    number: int = Field(primary_key=True)
    name: str


class OfTheApplication(ExclusiveSession):
    """A session class of an application's own."""


class PlainSession(Session):
    """The synchronous half of such a class."""


class WithItsOwnHalf(ExclusiveSession):
    """A session class that brings a synchronous half."""

    sync_session_class = PlainSession  # type: ignore[assignment]  # it is made to fit


@asynccontextmanager
async def opened(url: str, **knobs: Any) -> AsyncIterator[Database]:
    """A database with one row, from which all connections come back."""
    async with Database(DatabaseSettings(url=url, **knobs)) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
            await connection.execute(insert(Boat).values(number=1, name="Ark"))
        await all_back(database)
        yield database
        await all_back(database)


@pytest.fixture
async def database(either_url: str) -> AsyncIterator[Database]:
    """With one connection, which is there."""
    async with opened(either_url, pool_size=1, max_overflow=0) as database:
        yield database


@pytest.fixture(params=["warm", "cold"])
async def either(request: pytest.FixtureRequest, either_url: str) -> AsyncIterator[Database]:
    """With one connection that is there, and with one that is opened for each session."""
    mode = "pool" if request.param == "warm" else "none"
    async with opened(either_url, pool_mode=mode, pool_size=1, max_overflow=0) as database:
        yield database


async def all_back(database: Database) -> None:
    """Wait until no connection is in use."""
    await until(lambda: database.stats().checked_out == 0 and not database.stats().active)


async def run_exec(session: ExclusiveSession) -> None:
    await session.exec(SLOW)


async def stream(session: ExclusiveSession) -> None:
    await (await session.stream(SLOW)).close()


async def get(session: ExclusiveSession) -> None:
    await session.get(Boat, 1, populate_existing=True)


async def refresh(session: ExclusiveSession) -> None:
    boat = next(iter(session.identity_map.values()), None)
    await (session.get(Boat, 1) if boat is None else session.refresh(boat))


async def flush(session: ExclusiveSession) -> None:
    session.add(Boat(number=id(asyncio.current_task()) % 2**31, name="New"))
    await session.flush()


async def connection(session: ExclusiveSession) -> None:
    await session.connection()


async def run_sync(session: ExclusiveSession) -> None:
    def work(sync: Any) -> None:
        sync.exec(SLOW)

    await session.run_sync(work)


async def sync_session(session: ExclusiveSession) -> None:
    def work(_: object) -> None:
        session.sync_session.exec(SLOW)

    await session.run_sync(work)


async def on_its_connection(session: ExclusiveSession) -> None:
    await (await session.connection()).execute(SLOW)


async def savepoint(session: ExclusiveSession) -> None:
    async with session.begin_nested():
        await session.exec(SLOW)


async def commit(session: ExclusiveSession) -> None:
    await session.commit()


async def rollback(session: ExclusiveSession) -> None:
    await session.rollback()


async def reset(session: ExclusiveSession) -> None:
    await session.reset()


USES: list[Use] = [
    run_exec, stream, get, refresh, flush, connection, run_sync, sync_session,
    on_its_connection, savepoint, commit, rollback, reset,
]  # fmt: skip


@pytest.mark.parametrize("second", USES)
async def test_the_second_task_is_refused_whatever_it_does(second: Use, either: Database) -> None:
    async with either.session() as session:
        assert isinstance(session, ExclusiveSession)
        if isinstance(either.engine.sync_engine.pool, AsyncPool):
            await session.exec(words("SELECT 1"))
        first = asyncio.create_task(slowly(session))
        await asyncio.sleep(0)
        with pytest.raises(SessionInUseError) as caught:
            await second(session)
        await first

    assert "slowly (test_exclusive.py:" in str(caught.value)
    assert f"{second.__name__} (test_exclusive.py:" in str(caught.value) or second in {
        run_sync,
        sync_session,
    }
    assert "slowly (test_exclusive.py:" in (caught.value.hint or "")
    assert classify(caught.value).fault is Fault.PROGRAMMING


async def slowly(session: ExclusiveSession) -> object:
    """The first use, which is not disturbed."""
    return (await session.exec(SLOW)).first()


@pytest.mark.parametrize("first", [use for use in USES if use not in {connection, commit, reset}])
async def test_whatever_the_first_task_does_the_second_is_refused(
    first: Use, database: Database
) -> None:
    async with database.session() as session:
        assert isinstance(session, ExclusiveSession)
        running: asyncio.Task[object] = asyncio.create_task(first(session))
        await asyncio.sleep(0)
        if not running.done():
            with pytest.raises(SessionInUseError):
                await session.exec(words("SELECT 1"))
        await running


@pytest.mark.parametrize("count", [2, 5])
async def test_of_gathered_uses_one_is_served_and_all_others_are_refused(
    count: int, either: Database
) -> None:
    async with either.session() as session:
        answers = await asyncio.gather(
            *(session.exec(SLOW) for _ in range(count)), return_exceptions=True
        )

    assert [type(each) for each in answers[1:]] == [SessionInUseError] * (count - 1)
    assert answers[0].scalar_one() == 7  # type: ignore[union-attr]  # a result
    assert str(answers[1]).count("of_gathered_uses_one_is_served") == 4


async def test_of_a_group_of_tasks_the_places_are_where_it_is_waited_for(
    database: Database,
) -> None:
    async def gather() -> None:
        async with database.session() as session, asyncio.TaskGroup() as group:
            group.create_task(session.exec(SLOW))
            group.create_task(session.exec(SLOW))

    with pytest.raises(ExceptionGroup) as caught:
        await gather()

    [error] = caught.value.exceptions
    assert isinstance(error, SessionInUseError)
    assert str(error).count("gather (test_exclusive.py:") == 4


async def test_the_failure_of_the_first_reaches_nobody_else(database: Database) -> None:
    async with database.session() as session:
        answers = await asyncio.gather(
            session.exec(words("SELECT 1 / 0, pg_sleep(0.05)")),
            session.exec(SLOW),
            return_exceptions=True,
        )
        await session.rollback()

        assert (await session.exec(words("SELECT 8"))).scalar_one() == 8
    assert not isinstance(answers[0], SessionInUseError)
    assert isinstance(answers[1], SessionInUseError)


async def test_tasks_that_use_a_session_one_after_the_other_are_served(
    database: Database,
) -> None:
    async with database.session() as session:
        for number in range(3):
            task = asyncio.create_task(session.exec(select(func.abs(-number))))
            assert (await task).one() == number


async def test_a_task_may_use_its_session_while_it_uses_it(database: Database) -> None:
    seen = []

    def work(sync: Session) -> None:
        seen.append(sync.exec(words("SELECT 1")).scalar_one())
        seen.append(sync.exec(words("SELECT 2")).scalar_one())
        sync.commit()

    async with database.session() as session:
        await session.run_sync(work)  # type: ignore[arg-type]  # SQLModel's session

    assert seen == [1, 2]


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_a_session_with_nothing_to_end_may_be_ended_without_await(
    end: str, database: Database
) -> None:
    async with database.session() as session:
        getattr(session.sync_session, end)()

        assert (await session.exec(words("SELECT 9"))).scalar_one() == 9


async def test_a_task_may_come_back_to_its_session_out_of_a_call(database: Database) -> None:
    async with database.session() as session:

        def work(_: object) -> Any:
            return await_(session.exec(words("SELECT 8"))).scalar_one()

        assert await session.run_sync(work) == 8
        assert (await session.exec(words("SELECT 9"))).scalar_one() == 9


@pytest.mark.parametrize("kind", [OfTheApplication, WithItsOwnHalf])
async def test_it_holds_for_a_session_class_of_the_applications(
    kind: type[ExclusiveSession], database: Database
) -> None:
    open_session = async_sessionmaker(database.engine, class_=kind)
    async with open_session() as session:
        answers = await asyncio.gather(
            session.exec(SLOW), session.exec(SLOW), return_exceptions=True
        )

    assert isinstance(answers[1], SessionInUseError)
    assert issubclass(session.sync_session_class, kind.__mro__[1].sync_session_class)  # type: ignore[attr-defined]


class Foreign(AsyncSession):
    """A session class that knows nothing of this."""


@pytest.mark.parametrize("is_raised", [False, True])
async def test_it_holds_for_a_session_class_that_knows_nothing_of_it(
    is_raised: bool, either: Database
) -> None:
    async def gather() -> list[Any]:
        async with async_sessionmaker(either.engine, class_=Foreign)() as session:
            uses = (session.exec(SLOW) for _ in range(3))
            return await asyncio.gather(*uses, return_exceptions=not is_raised)

    # So that a connection is waited for.
    await either.engine.dispose()
    if is_raised:
        with pytest.raises(SessionInUseError):
            await gather()
    else:
        answers = await gather()
        assert [type(each) for each in answers[1:]] == [SessionInUseError] * 2


async def test_it_holds_for_a_connection(database: Database) -> None:
    async with database.engine.connect() as connection:
        answers = await asyncio.gather(
            connection.execute(SLOW), connection.execute(SLOW), return_exceptions=True
        )

    assert isinstance(answers[1], SessionInUseError)
    assert "one connection at the same time" in str(answers[1])


async def test_a_refused_refresh_leaves_the_object_as_it_was(database: Database) -> None:
    async with database.session() as session:
        boat = await session.get(Boat, 1)
        assert boat is not None
        first = asyncio.create_task(session.exec(SLOW))
        await asyncio.sleep(0)
        with pytest.raises(SessionInUseError):
            await session.refresh(boat)
        await first

        assert boat.name == "Ark"


async def test_a_commit_with_a_forgotten_task_commits_nothing(either: Database) -> None:
    forgotten: list[asyncio.Task[object]] = []

    async def forget() -> None:
        async with either.session() as session:
            await session.exec(update(Boat).values(name="Lost"))
            forgotten.append(asyncio.create_task(session.exec(words("SELECT pg_sleep(60)"))))
            await asyncio.sleep(0)

    with pytest.raises(SessionInUseError):
        await forget()
    async with either.session() as session:
        name = (await session.exec(select(Boat.name))).one()
    await asyncio.wait(forgotten)

    assert name == "Ark"
    assert forgotten[0].cancelled()


async def test_what_still_runs_when_a_session_is_closed_is_cancelled_and_named(
    either: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async def forget(session: ExclusiveSession) -> None:
        await session.exec(words("SELECT pg_sleep(60)"))

    with caplog.at_level(logging.WARNING, "wellhead"):
        async with ExclusiveSession(either.engine) as session:
            forgotten = asyncio.create_task(forget(session))
            await until(lambda: either.stats().checked_out == 1)
        await all_back(either)

    assert forgotten.cancelled()
    [record] = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert vars(record)["event"] == "session_in_use"
    assert "forget (test_exclusive.py:" in record.getMessage()


async def test_a_session_that_is_closed_while_its_connection_is_made_leaves_none(
    either_url: str,
) -> None:
    settings = DatabaseSettings(url=either_url, pool_size=1, max_overflow=0)
    async with Database(settings) as database:
        await database.engine.dispose()
        for _ in range(3):
            closed_early = ExclusiveSession(database.engine)
            task = asyncio.create_task(closed_early.exec(words("SELECT 1")))
            await asyncio.sleep(0)
            await closed_early.close()
            await asyncio.wait({task})
        await all_back(database)
        async with database.session() as session:
            assert (await session.exec(words("SELECT 8"))).scalar_one() == 8


async def test_the_pool_takes_a_connection_back_that_two_tasks_wanted(
    database: Database,
) -> None:
    before = database.stats().opened
    for _ in range(5):
        async with database.session() as session:
            await session.exec(words("SELECT 1"))
            await asyncio.gather(session.exec(SLOW), session.exec(SLOW), return_exceptions=True)
        await all_back(database)

    assert database.stats().opened == before


async def test_connections_in_one_task_each_are_not_disturbed(either_url: str) -> None:
    async def work(connection: AsyncConnection) -> int:
        return int((await connection.execute(SLOW)).scalar_one())

    async with Database(DatabaseSettings(url=either_url, pool_size=3)) as database:
        connections = [await database.engine.connect() for _ in range(3)]
        answers = await asyncio.gather(*map(work, connections))
        for connection in connections:
            await connection.close()

    assert answers == [7, 7, 7]


async def test_an_update_is_seen_by_the_task_that_made_it(database: Database) -> None:
    async with database.session() as session:
        await session.exec(update(Boat).where(col(Boat.number) == 1).values(name="Bounty"))
    async with database.reader() as reader:
        boat = await reader.get(Boat, 1)

    assert boat is not None
    assert boat.name == "Bounty"


@pytest.mark.parametrize("is_nested", [False, True], ids=["plain", "in a savepoint"])
async def test_options_that_come_after_the_first_statement_are_refused(
    database: Database, *, is_nested: bool
) -> None:
    level = {"isolation_level": "SERIALIZABLE"}
    async with database.session() as session:
        await session.scalar(select(Boat.number))
        with pytest.raises(InvalidRequestError, match=r"\['isolation_level'\].*before the first"):
            async with session.begin_nested() if is_nested else nullcontext():
                await session.connection(execution_options=level)
        await session.commit()
        await session.connection(execution_options=level)

        found = await session.scalar(words("SHOW transaction_isolation"))

    assert found == "serializable"
