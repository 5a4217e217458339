"""Session classes of an application's own, and what people use who come from SQLAlchemy."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import event, func, orm, select, text
from sqlalchemy.exc import IntegrityError, InvalidRequestError
from sqlalchemy.ext.asyncio import (
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import registry
from sqlmodel import Field, Session, SQLModel, col
from sqlmodel.ext.asyncio.session import AsyncSession as SQLModelSession

from tests.staging.patience import until
from wellhead import (
    ConfigurationError,
    Database,
    DatabaseSettings,
    ExclusiveSession,
    ReadOnlyError,
    SessionInUseError,
)
from wellhead.sessions.session_class import fitted


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Buoy(Table, table=True):
    """A row to use."""

    number: int = Field(primary_key=True)
    name: str = ""


NAMES = select(col(Buoy.name)).order_by(col(Buoy.name))


class Adding:
    """What the classes of this file bring along."""

    def put(self, name: str) -> None:
        """Add a buoy, by its name."""
        self.add(Buoy(number=len(name), name=name))  # type: ignore[attr-defined]  # it is a mixin


class OfSQLAlchemy(Adding, AsyncSession):
    """Derived from SQLAlchemy's."""


class OfSQLModel(Adding, SQLModelSession):
    """Derived from SQLModel's; what it overrides calls what is deprecated there."""

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Count."""
        self.info["executed"] = self.info.get("executed", 0) + 1
        return await super().execute(*args, **kwargs)


class OfWellhead(Adding, ExclusiveSession):
    """Derived from the class of every other session."""


class CountingHalf(orm.Session):
    """A synchronous half."""

    def commit(self) -> None:
        """Count."""
        self.info["committed"] = self.info.get("committed", 0) + 1
        super().commit()


class WithItsOwnHalf(Adding, AsyncSession):
    """Brings a synchronous half."""

    sync_session_class = CountingHalf


CLASSES = [OfSQLAlchemy, OfSQLModel, OfWellhead, WithItsOwnHalf]


@pytest.fixture(params=CLASSES, ids=lambda kind: kind.__name__)
async def database(request: pytest.FixtureRequest, either_url: str) -> AsyncIterator[Database[Any]]:
    settings = DatabaseSettings(url=either_url, pool_size=1, max_overflow=0)
    async with Database(settings, session_class=request.param) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
        yield database
        # Text may have left something behind, which is reset in the background.
        await until(lambda: database.stats().checked_out == 0)


async def names(database: Database[Any]) -> list[str]:
    async with database.reader() as reader:
        return list((await reader.scalars(NAMES)).all())


async def test_a_session_is_of_the_class_that_was_given(database: Database[Any]) -> None:
    async with database.session() as session:
        assert isinstance(session, Adding)
        assert isinstance(session, ExclusiveSession)
        session.put("red")

    assert await names(database) == ["red"]


async def test_a_unit_of_work_gets_such_a_session(database: Database[Any]) -> None:
    async def work(session: Any) -> int:
        session.put("green")
        await session.flush()
        return int(await session.scalar(select(func.count()).select_from(Buoy)))

    assert await database.run(work) == 1


async def test_what_fails_is_rolled_back(database: Database[Any]) -> None:
    async def put_twice() -> None:
        async with database.session() as session:
            session.put("red")
            await session.flush()
            await session.execute(text("INSERT INTO buoy VALUES (3, 'red')"))

    with pytest.raises(IntegrityError):
        await put_twice()

    assert await names(database) == []


async def test_objects_stay_readable_and_the_session_ends_for_good(database: Database[Any]) -> None:
    async with database.session() as session:
        buoy = Buoy(number=1, name="red")
        session.add(buoy)

    assert buoy.name == "red"
    with pytest.raises(InvalidRequestError, match="closed"):
        await session.execute(NAMES)


async def test_it_is_still_for_one_task(database: Database[Any]) -> None:
    async with database.session() as session:
        results = await asyncio.gather(
            session.execute(text("SELECT pg_sleep(0.05)")),
            session.execute(NAMES),
            return_exceptions=True,
        )

    assert [type(each) for each in results if isinstance(each, Exception)] == [SessionInUseError]


async def test_a_reader_still_only_reads(database: Database[Any]) -> None:
    async with database.reader() as reader:
        with pytest.raises(ReadOnlyError):
            await reader.execute(text("INSERT INTO buoy VALUES (9, 'red')"))

    assert await names(database) == []


async def test_what_a_statement_leaves_behind_is_reset(database: Database[Any]) -> None:
    async with database.session() as session:
        await session.execute(text("SET search_path TO nowhere"))

    async with database.session() as session:
        assert await session.scalar(text("SHOW search_path")) == '"$user", public'


async def test_what_a_class_overrides_is_called(either_url: str) -> None:
    async with (
        Database(DatabaseSettings(url=either_url), session_class=OfSQLModel) as executing,
        executing.session() as session,
    ):
        await session.execute(text("SELECT 1"))
        await session.scalars(text("SELECT 1"))
        assert session.info["executed"] == 2
    async with Database(
        DatabaseSettings(url=either_url), session_class=WithItsOwnHalf
    ) as committing:
        async with committing.session() as counted:
            await counted.execute(text("SELECT 1"))
        assert counted.info["committed"] == 1


async def test_sqlalchemys_own_methods_are_not_deprecated(database: Database[Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with database.session() as session, database.reader() as reader:
            session.put("red")
            await session.flush()
            said = [
                (await session.execute(NAMES)).scalar_one(),
                (await session.scalars(NAMES)).one(),
                await session.scalar(NAMES),
                await (await session.stream_scalars(NAMES)).one(),
                await session.run_sync(lambda sync: sync.execute(NAMES).scalar_one()),
                await session.run_sync(lambda sync: sync.query(Buoy).one().name),
            ]
            await session.commit()
            said += [
                (await reader.execute(NAMES)).scalar_one(),
                (await reader.scalars(NAMES)).one(),
                await reader.scalar(NAMES),
            ]

    assert said == ["red"] * 9


async def test_an_event_of_a_synchronous_half_is_heard_in_readers_too(either_url: str) -> None:
    class Half(orm.Session):
        pass

    class Filtering(AsyncSession):
        sync_session_class = Half

    seen: list[object] = []
    event.listen(Half, "do_orm_execute", lambda state: seen.append(state.is_select))
    async with Database(DatabaseSettings(url=either_url), session_class=Filtering) as database:
        async with database.session() as session:
            await session.execute(select(1))
        async with database.reader() as reader:
            await reader.execute(select(1))

    assert seen == [True, True]


def test_the_class_that_was_given_is_not_changed() -> None:
    before = dict(vars(OfSQLModel))

    made = fitted(OfSQLModel)

    assert made is not OfSQLModel
    assert dict(vars(OfSQLModel)) == before


@pytest.mark.parametrize("kind", [ExclusiveSession, OfWellhead])
def test_a_class_of_ours_is_used_as_it_is(kind: type[ExclusiveSession]) -> None:
    assert fitted(kind) is kind


@pytest.mark.parametrize("kind", [AsyncSession, SQLModelSession])
def test_for_a_class_that_ours_is_derived_from_ours_is_used(kind: type[AsyncSession]) -> None:
    assert fitted(kind) is ExclusiveSession


class Asking(AsyncSession):
    """Cannot be made without an argument."""

    def __init__(self, tenant: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tenant = tenant


class Strict(AsyncSession):
    """Takes nothing."""

    def __init__(self) -> None:
        super().__init__()


class Expiring(AsyncSession):
    """Sets what must not be set."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "expire_on_commit": True})


class Reopening(AsyncSession):
    """The same."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "close_resets_only": True})


class InTwoPhases(AsyncSession):
    """The same."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, twophase=True)


class Elsewhere(AsyncSession):
    """Has an engine of its own."""

    def __init__(self, **kwargs: Any) -> None:
        engine = create_async_engine("postgresql+asyncpg://nowhere/nothing")
        super().__init__(**{**kwargs, "bind": engine})


class PartlyElsewhere(AsyncSession):
    """Has one for a table."""

    def __init__(self, **kwargs: Any) -> None:
        engine = create_async_engine("postgresql+asyncpg://nowhere/nothing")
        super().__init__(**kwargs, binds={Buoy: engine})


class RoutingHalf(orm.Session):
    """Chooses an engine."""

    def get_bind(self, *args: Any, **kwargs: Any) -> Any:
        """The one that it likes."""
        return super().get_bind(*args, **kwargs)


class Routing(AsyncSession):
    """The same."""

    sync_session_class = RoutingHalf


class WithAnotherHalf(AsyncSession):
    """Its half is not what it says."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(sync_session_class=Session, **kwargs)


class WithoutAwait(AsyncSession):
    """Its commit cannot be awaited."""

    def commit(self) -> None:  # type: ignore[override]  # that is what is tested
        """Do nothing."""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (orm.Session, "session_class=Session cannot be used: it is not a subclass"),
        (async_sessionmaker(), "session_class=async_sessionmaker .*it is not a subclass"),
        (async_scoped_session, "it is not a subclass"),
        (None, "it is not a subclass"),
        (Asking, "it cannot be instantiated .TypeError: .*tenant"),
        (Strict, "it cannot be instantiated .TypeError"),
        (Expiring, "expire_on_commit"),
        (Reopening, "close_resets_only"),
        (InTwoPhases, "twophase"),
        (Elsewhere, "their own engine"),
        (PartlyElsewhere, "their own engine"),
        (Routing, "get_bind"),
        (WithAnotherHalf, "its sync_session is a Session"),
        (WithoutAwait, r"its commit\(\) is not async"),
    ],
    ids=lambda each: getattr(each, "__name__", type(each).__name__),
)
def test_a_class_that_breaks_what_is_promised_is_refused(kind: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Database(DatabaseSettings(url="postgresql://u:p@localhost/db"), session_class=kind)
