"""The names of frameworks that the code leans on and no framework promises to keep.

Each test fails with the sentence that says what an upgrade broke, and for whom.
"""

import asyncio
import importlib
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import asyncpg
import psycopg
import pytest
import uvicorn
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from anyio import to_thread
from fastapi import FastAPI, Request
from pydantic_settings import EnvSettingsSource
from sqlalchemy import (
    BindParameter,
    CheckConstraint,
    Column,
    ColumnElement,
    Enum,
    Integer,
    MetaData,
    String,
    TypeDecorator,
    column,
    create_engine,
    event,
    func,
    insert,
    literal,
    select,
    table,
    text,
)
from sqlalchemy import Table as SQLTable
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection
from sqlalchemy.dialects.postgresql.base import PGCompiler
from sqlalchemy.engine import Connection, Engine, ExceptionContext
from sqlalchemy.engine.base import OptionEngine
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Query, Session, registry
from sqlalchemy.orm.dynamic import AppenderQuery
from sqlalchemy.orm.session import _new_sessionid
from sqlalchemy.pool import NullPool, Pool
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util.concurrency import greenlet_spawn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process
from uvicorn.supervisors.watchfilesreload import WatchFilesReload

from tests.staging.patience import until
from wellhead import DatabaseSettings, PostgresURL
from wellhead.pool.connection_state import free_check
from wellhead.sessions.suspended import frames_of

# SQLAlchemy

REPLACED_BY_THE_POOL = {
    "_do_get": "AsyncPool gives no connections out",
    "_create_connection": "AsyncPool makes no connections",
    "_return_conn": "AsyncPool gets no connections back",
    "_invalidate": "AsyncPool keeps connections that a restarted server has closed",
}


@contextmanager
def watched(called: set[str]) -> Iterator[Engine]:
    """An engine whose pool notes which of those methods are called."""

    def noting(name: str) -> Callable[..., Any]:
        def method(pool: Pool, *arguments: Any, **keywords: Any) -> Any:
            called.add(name)
            return getattr(NullPool, name)(pool, *arguments, **keywords)

        return method

    names = {name: noting(name) for name in REPLACED_BY_THE_POOL}
    engine = create_engine("sqlite://", poolclass=type("WatchedPool", (NullPool,), names))
    yield engine
    engine.dispose()


def take_for_a_lost_connection(context: ExceptionContext) -> None:
    context.is_disconnect = True


@pytest.mark.parametrize("name", REPLACED_BY_THE_POOL)
def test_sqlalchemy_calls_what_our_pool_replaces(name: str) -> None:
    called: set[str] = set()
    with watched(called) as engine:
        event.listen(engine, "handle_error", take_for_a_lost_connection)
        with engine.connect() as connection, pytest.raises(OperationalError):
            connection.execute(text("SELECT nothing"))

    assert name in called, f"SQLAlchemy's pool does not call {name}: {REPLACED_BY_THE_POOL[name]}."


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("_invalidate_time", "AsyncPool cannot tell that a whole generation is to be replaced"),
        ("_orig_logging_name", "a pool that engine.dispose() recreated has lost its name"),
        ("_reset_on_return", "a pool that engine.dispose() recreated resets nothing"),
        ("_invoke_creator", "the probe cannot connect as the pool does"),
        ("_creator", "a pool that engine.dispose() recreated cannot connect"),
        ("_dialect", "AsyncPool cannot ping nor end connections of a driver that it does not know"),
    ],
)
def test_sqlalchemys_pool_has_what_ours_reads(name: str, what: str) -> None:
    with watched(set()) as engine:
        assert hasattr(engine.pool, name), f"SQLAlchemy's pool has no {name}: {what}."


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("_execution_options", "SQLAlchemy does not know that readers are in autocommit"),
        ("_proxied", "further options take a reader's engine out of autocommit"),
        ("_has_events", "nobody can tell that readers look for listeners"),
    ],
)
def test_an_engine_with_options_has_what_a_readers_engine_reads(name: str, what: str) -> None:
    with watched(set()) as engine:
        assert hasattr(OptionEngine(engine, {}), name), f"An OptionEngine has no {name}: {what}."


def test_a_record_of_sqlalchemy_is_told_what_to_do_before_it_goes_back() -> None:
    records: list[Any] = []
    with watched(set()) as engine:
        event.listen(engine, "checkin", lambda _, record: records.append(record))
        with engine.connect():
            pass

    assert hasattr(records[0], "finalize_callback"), (
        "SQLAlchemy's record has no finalize_callback: what a reader's engine set on a connection "
        "stays there."
    )


def test_sqlalchemys_pool_takes_the_listeners_of_the_one_before_it() -> None:
    assert "_dispatch" in inspect.signature(Pool.__init__).parameters, (
        "SQLAlchemy's Pool takes no _dispatch: listeners are lost when engine.dispose() makes the "
        "pool anew."
    )


def test_a_record_of_sqlalchemy_knows_since_when_it_is_to_be_replaced() -> None:
    records: list[Any] = []
    with watched(set()) as engine:
        event.listen(engine, "checkin", lambda _, record: records.append(record))
        with engine.connect() as connection:
            connection.connection.invalidate(soft=True)

    [record] = records
    assert record._soft_invalidate_time > record.starttime, (  # noqa: SLF001 - what is tested
        "A connection that was invalidated softly is lent again: SQLAlchemy's record has no "
        "_soft_invalidate_time after its starttime."
    )


def test_sqlalchemy_marks_what_the_application_compiles_itself() -> None:
    class Own(ColumnElement[int]):
        """A construct of an application's."""

        inherit_cache = True
        type = Integer()

    class Shouted(TypeDecorator[str]):
        """A type with SQL of its own for what is read."""

        impl = String
        cache_ok = True

        def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
            return func.shout(column)

    class Whispered(TypeDecorator[str]):
        """A type with SQL of its own for what is sent."""

        impl = String
        cache_ok = True

        def bind_expression(self, bindparam: BindParameter[Any]) -> ColumnElement[Any]:
            return func.whisper(bindparam)

    compiles(Own)(lambda *_, **__: "pay()")

    assert hasattr(Own, "_compiler_dispatcher"), (
        "SQLAlchemy does not mark an application's construct by _compiler_dispatcher: a Reader "
        "takes one that writes for a SELECT."
    )
    assert Shouted()._has_column_expression, (  # noqa: SLF001 - what is tested
        "A type does not tell its SQL by _has_column_expression: a Reader does not see a function."
    )
    assert Whispered()._has_bind_expression, (  # noqa: SLF001 - what is tested
        "A type does not tell its SQL by _has_bind_expression: a Reader does not see the function."
    )
    assert not String()._has_column_expression  # noqa: SLF001
    assert not String()._has_bind_expression  # noqa: SLF001


COMPILED_BY = (
    "visit_function", "visit_next_value_func", "visit_textclause", "escape_literal_column",
    "visit_custom_op_binary", "visit_custom_op_unary_operator", "visit_custom_op_unary_modifier",
    "visit_extract", "visit_typeclause", "render_bind_cast", "visit_table_valued_alias",
    "render_literal_value", "get_statement_hint_text", "get_select_hint_text", "get_from_hint_text",
    "for_update_clause", "visit_insert", "visit_update", "visit_delete", "process",
    "literal_execute_params",
)  # fmt: skip


@pytest.mark.parametrize("name", COMPILED_BY)
def test_sqlalchemys_compiler_has_what_the_proof_watches(name: str) -> None:
    assert hasattr(PGCompiler, name), (
        f"SQLAlchemy's compiler has no {name}: what comes into a statement that way is not seen, "
        "and a Reader takes it for a SELECT."
    )


def test_sqlalchemy_shows_what_a_statement_selects() -> None:
    numbers = table("numbers", column("n", Integer))
    statement = select(numbers, numbers.c.n)
    selected: Any = statement._raw_columns  # noqa: SLF001 - what is tested
    compiled = statement.compile()

    assert (selected[0], selected[1]._proxy_key) == (numbers, "n"), (  # noqa: SLF001 - the same
        "A SELECT does not keep what was selected in _raw_columns, by _proxy_key: compiled() does "
        "not see mapped classes."
    )
    assert insert(numbers).returning(numbers.c.n)._returning == (numbers.c.n,), (  # noqa: SLF001
        "An INSERT does not keep what it returns in _returning: compiled() does not see it."
    )
    assert statement._with_options == (), (  # noqa: SLF001 - the same
        "A SELECT has no _with_options: compiled() takes loader options, and ignores them."
    )
    assert isinstance(compiled, SQLCompiler)
    [first, _] = compiled._result_columns  # noqa: SLF001 - the same
    assert (first.keyname, type(first.type)) == ("n", Integer), (
        "A compiled SELECT has no _result_columns with names and types: compiled() does not know "
        "what to make of a row."
    )


def test_sqlalchemy_marks_the_mapped_class_that_a_statement_selects() -> None:
    class Number:
        """A mapped class."""

    numbers = SQLTable("numbers", MetaData(), Column("n", Integer, primary_key=True))
    mapper = registry().map_imperatively(Number, numbers)
    [whole] = select(Number)._raw_columns  # noqa: SLF001 - what is tested

    assert whole._annotations["parententity"] is mapper, (  # noqa: SLF001 - the same
        "A mapped class that is selected has no parententity: compiled() makes no objects of it."
    )


def test_sqlalchemys_connection_executes_what_was_compiled() -> None:
    executed: list[Any] = []

    class Compiled:
        """What stands for a compiled statement."""

        def _execute_on_connection(self, connection: Any, parameters: Any, options: Any) -> Any:
            executed.append(parameters)
            compiled = select(literal(1)).compile(dialect=connection.dialect)
            return connection._execute_context(  # noqa: SLF001 - what is tested
                connection.dialect, connection.dialect.execution_ctx_cls._init_compiled,  # noqa: SLF001
                compiled, [], compiled.execution_options.merge_with(options),
                compiled, [], compiled.statement, None,
            )  # fmt: skip

    stand_in: Any = Compiled()
    with create_engine("sqlite://").connect() as connection:
        assert connection.execute(stand_in).scalar() == 1, (
            "SQLAlchemy's connection does not execute what was compiled before: compiled queries "
            "cannot run in sessions."
        )
    assert executed


def test_sqlalchemys_listeners_can_be_counted_without_a_call() -> None:
    engine = create_engine("sqlite://")
    event.listen(engine, "before_cursor_execute", print)
    heard = engine.dispatch.before_cursor_execute

    assert (len(heard.listeners), len(heard.parent_listeners)) == (1, 0), (
        "The listeners of an engine cannot be counted: compiled queries pass an application's by."
    )
    assert len(engine.pool.dispatch.checkout.listeners) == 0


def test_sqlalchemys_connection_for_asyncpg_translates_exceptions() -> None:
    assert hasattr(AsyncAdapt_asyncpg_connection, "_handle_exception"), (
        "SQLAlchemy's connection has no _handle_exception: compiled queries raise asyncpg's own."
    )


def test_psycopgs_cursor_has_its_work_apart_from_the_waiting() -> None:
    names = inspect.signature(psycopg.AsyncCursor._execute_gen).parameters  # noqa: SLF001 - what is tested

    assert {"query", "params", "prepare"} <= set(names), (
        "psycopg's cursor has no _execute_gen: what became of a compiled write that was cancelled "
        "is not known."
    )


def test_the_drivers_have_the_methods_by_which_exchanges_are_counted() -> None:
    protocol = asyncpg.protocol.Protocol
    of_asyncpg = [
        "prepare", "bind_execute", "bind_execute_many", "bind", "execute", "query", "copy_in",
        "copy_out", "close_portal", "close_statement",
    ]  # fmt: skip
    of_psycopg = ["_maybe_prepare_gen", "_send_prepare", "_executemany_gen_pipeline"]
    missing = [
        *(name for name in of_asyncpg if not hasattr(protocol, name)),
        *(name for name in of_psycopg if not hasattr(psycopg.AsyncCursor, name)),
        *(name for name in ["_declare_gen"] if not hasattr(psycopg.AsyncServerCursor, name)),
    ]

    assert missing == [], "The header Server-Timing has too few round trips."


def test_sqlalchemy_shows_which_connections_a_session_uses() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection, Session(bind=connection) as session:
        found = session.connection()
        transaction: Any = session.get_transaction()
        uses = {each for each, *_ in transaction._connections.values()}  # noqa: SLF001 - tested
        pooled = found._dbapi_connection  # noqa: SLF001 - what is tested
    engine.dispose()

    what = "the end of a session does not see that a task uses its connection still"
    assert uses == {found}, f"A transaction's _connections are others: {what}."
    assert transaction._parent is None, f"A transaction has no _parent: {what}."  # noqa: SLF001
    assert pooled is not None, f"A connection has no _dbapi_connection: {what}."


def test_a_session_asks_for_its_connection_in_one_place() -> None:
    asked = []

    class Watching(Session):
        """Notes that it was asked."""

        def _connection_for_bind(self, *args: Any, **kwargs: Any) -> Connection:
            asked.append(args)
            return super()._connection_for_bind(*args, **kwargs)

    engine = create_engine("sqlite://")
    with Watching(engine) as session:
        session.execute(select(1))
        session.connection()
    engine.dispose()

    assert len(asked) == 2, (
        "SQLAlchemy's Session does not ask _connection_for_bind for its connection: a second task "
        "that uses a session is not refused."
    )


async def test_the_task_of_a_greenlet_is_found_by_sqlalchemys_frame() -> None:
    assert "context" in greenlet_spawn.__code__.co_varnames, (
        "SQLAlchemy's greenlet_spawn has no variable 'context': the first of two tasks that use a "
        "session is not found."
    )


async def test_asyncio_tells_who_waits_for_a_task() -> None:
    async def wait() -> None:
        await asyncio.sleep(3600)

    gathering = asyncio.create_task(gather(wait()))
    await asyncio.sleep(0)
    [child] = vars_of_the_future(gathering)._children  # noqa: SLF001 - what is tested
    gathering.cancel()
    await asyncio.wait({gathering, child})

    assert isinstance(child, asyncio.Task), (
        "A task's _fut_waiter has no _children: no place is named of two gathered uses."
    )


async def test_asyncio_cancels_a_task_whose_future_refuses_when_that_is_done() -> None:
    async def wait() -> None:
        await future

    future = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    vars_of_the_future(task).cancel = lambda msg=None: False  # noqa: ARG005 - asyncio's name
    task.cancel()
    await asyncio.sleep(0)
    was_waiting = not task.done()
    future.set_result(None)
    await asyncio.wait({task})

    assert was_waiting, (
        "asyncio cancels a task whatever its future says: threads of cancelled routes lose their "
        "place while they go on."
    )
    assert task.cancelled(), (
        "asyncio forgets a cancelling that came while the future refused: a request over its "
        "deadline goes on after its thread."
    )


async def test_anyio_waits_for_a_thread_right_below_the_frame_that_it_was_called_in() -> None:
    ends = threading.Event()
    task = asyncio.create_task(to_thread.run_sync(ends.wait))
    limiter = to_thread.current_default_thread_limiter()
    await until(lambda: task in limiter.statistics().borrowers and len(list(frames_of(task))) == 2)
    _, called = frames_of(task)
    ends.set()
    await task

    assert called.f_code is to_thread.run_sync.__code__, (
        "anyio's run_sync is not where it was: threads of cancelled routes lose their place while "
        "they go on."
    )
    assert "abandon_on_cancel" in called.f_code.co_varnames, (
        "anyio's run_sync does not say what may be abandoned: no request ends at its deadline."
    )


async def gather(work: Coroutine[Any, Any, None]) -> None:
    """Wait for work in a task of its own."""
    await asyncio.gather(work)


def vars_of_the_future(task: asyncio.Task[None]) -> Any:
    """The future that a task waits for."""
    return task._fut_waiter  # type: ignore[attr-defined]  # noqa: SLF001 - what is tested


async def test_the_parent_of_sqlalchemys_greenlet_has_the_frames_of_the_application() -> None:
    greenlet = importlib.import_module("greenlet")

    def outside() -> list[str]:
        frame: FrameType | None = greenlet.getcurrent().parent.gr_frame
        names = []
        while frame is not None:
            names.append(frame.f_code.co_name)
            frame = frame.f_back
        return names

    names = await greenlet_spawn(outside)
    assert inspect.currentframe() is not None
    assert "test_the_parent_of_sqlalchemys_greenlet_has_the_frames_of_the_application" in names, (
        "A leaked connection cannot be told by the place that took it: parent.gr_frame of "
        "SQLAlchemy's greenlet does not lead to the application."
    )


@pytest.mark.parametrize(("is_native", "count"), [(True, 0), (False, 1)])
def test_sqlalchemy_says_which_constraints_a_dialect_makes(is_native: bool, count: int) -> None:
    kind = Enum("a", name="letter", native_enum=is_native, create_constraint=True)
    letters = SQLTable("letters", MetaData(), Column("letter", kind))
    dialect: Any = postgresql.dialect()  # type: ignore[no-untyped-call]
    compiler = dialect.ddl_compiler(dialect, None)
    checks = [each for each in letters.constraints if isinstance(each, CheckConstraint)]
    made = [each for each in checks if each._should_create_for_compiler(compiler)]  # noqa: SLF001

    assert len(made) == count, (
        "SQLAlchemy's _should_create_for_compiler does not tell which constraints PostgreSQL gets: "
        "`wellhead migrate check` takes the CHECK of an enum type for one that is missing."
    )


# asyncpg


class Recording(asyncpg.Connection):
    """asyncpg's connection, which notes what is run through ``execute``."""

    texts: list[str]

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        self.texts.append(query)
        return await super().execute(query, *args, timeout=timeout)


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("BEGIN", "a connection whose BEGIN was cancelled is kept, half in a transaction"),
        ("COMMIT", "a COMMIT that the server answers with ROLLBACK passes for a success"),
        ("ROLLBACK", "the end of a transaction passes unseen"),
    ],
)
async def test_asyncpg_runs_transactions_through_execute(
    word: str, what: str, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url, connection_class=Recording)
    connection.texts = []
    try:
        async with connection.transaction():
            pass
        with pytest.raises(ZeroDivisionError):
            async with connection.transaction():
                raise ZeroDivisionError
    finally:
        await connection.close()

    assert any(each.startswith(word) for each in connection.texts), (
        f"asyncpg sends no {word} through Connection.execute: {what}."
    )


async def test_asyncpgs_connection_has_its_transport(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        transport = getattr(connection, "_transport", None)
        assert isinstance(transport, asyncio.Transport), (
            "asyncpg's connection has no _transport: whether the server hung up before COMMIT was "
            "sent cannot be seen."
        )
        assert transport.get_extra_info("socket").fileno() > 0
    finally:
        await connection.close()


async def test_asyncpg_tells_without_a_byte_whether_an_operation_is_in_progress(
    database_url: str,
) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        is_free = free_check(connection)
        before = is_free()
        slow = asyncio.create_task(connection.execute("SELECT pg_sleep(60)"))
        await asyncio.sleep(0)
        during = is_free()
    finally:
        connection.terminate()
        await asyncio.wait({slow})

    assert (before, during) == (True, False), (
        "asyncpg's protocol does not say by close_statement that an operation is in progress: a "
        "connection that is busy is lent."
    )


async def test_a_statement_holds_the_lock_of_its_connection(either_url: str) -> None:
    engine = create_async_engine(PostgresURL.parse(either_url).sqlalchemy_url())
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        mutex: Any = getattr(raw.driver_connection, "lock", None)
        if mutex is None:
            mutex = getattr(raw.dbapi_connection, "_execute_mutex", None)
        assert mutex is not None
        slow = asyncio.create_task(connection.execute(text("SELECT pg_sleep(1)")))
        await asyncio.wait({slow}, timeout=0.05)
        held = slow.done() or mutex.locked()
        await slow
    await engine.dispose()

    assert held, (
        "Neither psycopg's lock nor SQLAlchemy's _execute_mutex is held while a statement runs: a "
        "busy connection is lent, and two tasks that use one are not refused."
    )


def test_psycopg_connects_by_the_generator_that_is_replaced() -> None:
    assert "_connect_gen" in inspect.getsource(psycopg.AsyncConnection.connect), (
        "psycopg does not connect by _connect_gen: the SQLSTATE of a refusal is not told, and "
        "servers that speak another language than English are misunderstood."
    )


async def test_psycopgs_connection_has_the_names_that_are_used(database_url: str) -> None:
    connection = await psycopg.AsyncConnection.connect(database_url)
    try:
        assert isinstance(connection.lock, asyncio.Lock), (
            "psycopg's connection has no lock: a connection that is busy is lent."
        )
        assert hasattr(connection, "_exec_command"), (
            "psycopg's connection has no _exec_command: a COMMIT that could only roll back passes "
            "for a success, and one that is not answered for nothing."
        )
        for name in ("autocommit", "isolation_level", "read_only", "deferrable"):
            assert hasattr(connection, f"_set_{name}_gen"), (
                f"psycopg's connection has no _set_{name}_gen: cancelled while it is set, "
                "one loses a connection."
            )
        assert hasattr(connection, "_notify_handlers"), (
            "psycopg's connection has no _notify_handlers: a handler of notifications is left to "
            "the next borrower."
        )
    finally:
        await connection.close()


async def test_psycopgs_connection_can_be_handed_over(database_url: str) -> None:
    connection = await psycopg.AsyncConnection.connect(database_url)
    try:
        cursor = await connection.execute("SELECT 1")

        assert hasattr(cursor, "_query"), (
            "psycopg's cursor has no _query: LISTEN in a set-up is not noticed behind a pooler."
        )
        assert hasattr(connection, "_adapters"), (
            "psycopg's connection has no _adapters: engines without asyncio know no types that a "
            "set-up has registered."
        )
        farewell: Any = vars(psycopg.AsyncConnection.__mro__[1])["__del__"]
        assert "_pool" in inspect.getsource(farewell), (
            "psycopg does not leave a connection with a _pool alone: each that an engine without "
            "asyncio takes over warns of itself."
        )
    finally:
        await connection.close()


async def test_sqlalchemys_error_has_asyncpgs_as_its_cause_whose_detail_can_be_removed(
    database_url: str,
) -> None:
    url = database_url.replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE t (name text UNIQUE)"))
        with pytest.raises(IntegrityError) as caught:
            await connection.execute(text("INSERT INTO t VALUES ('s3cret'), ('s3cret')"))
    await engine.dispose()
    assert caught.value.orig is not None
    driver = caught.value.orig.__cause__

    assert isinstance(driver, asyncpg.PostgresError), (
        "asyncpg's error is not the cause of SQLAlchemy's: values of rows reach the log by the "
        "chain of exceptions."
    )
    assert "s3cret" in (driver.detail or "")
    driver.detail = None
    assert "s3cret" not in str(driver), (
        "asyncpg's error still shows its detail after it was removed: values of rows reach the log."
    )


# Alembic

ENV = """
from alembic import context
from sqlalchemy import Column, Integer, MetaData, Table, create_engine

metadata = MetaData()
Table("pond", metadata, Column("id", Integer, primary_key=True))
config = context.config
engine = create_engine(f"sqlite:///{config.attributes['file']}")
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    config.attributes["opts"] = dict(context.get_context().opts)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""
REVISION = """
revision, down_revision = "0001", None

def upgrade():
    pass
"""


@pytest.fixture
def alembic(tmp_path: Path) -> Config:
    """A project with one migration, whose ``env.py`` shows what a command has told it."""
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(ENV)
    (tmp_path / "versions" / "0001.py").write_text(REVISION)
    config = Config(attributes={"file": tmp_path / "pond.db"})
    config.set_main_option("script_location", str(tmp_path))
    config.set_main_option("path_separator", "os")
    return config


def test_alembic_tells_an_env_where_a_command_goes_and_by_which_steps(alembic: Config) -> None:
    command.upgrade(alembic, "head")
    moving = alembic.attributes["opts"]
    command.current(alembic)
    looking = alembic.attributes["opts"]

    assert moving.get("destination_rev") == "head", (
        "The options of Alembic's context have no destination_rev: no migration takes the lock."
    )
    assert callable(moving.get("fn")), (
        "The options of Alembic's context have no fn: migrations are neither timed nor reported."
    )
    assert "destination_rev" not in looking, (
        "Alembic names a destination for commands that only look: they take the lock."
    )


def test_alembic_says_in_these_words_that_the_schema_is_behind(alembic: Config) -> None:
    with pytest.raises(CommandError) as caught:
        command.check(alembic)

    assert "is not up to date" in str(caught.value), (
        "Alembic says in other words that the schema is behind: `wellhead migrate check` tells "
        "them without what to do."
    )


# Starlette and FastAPI


async def call(app: ASGIApp, path: str, **more: Any) -> list[Message]:
    """Send one GET to an application; returns what it sends."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    await app({**scope, "root_path": "", **more}, receive, send)
    return sent


class Outermost:
    """Middleware that does nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def test_the_middleware_added_last_is_the_first_of_its_list() -> None:
    app = FastAPI(middleware=[Middleware(Outermost)])
    app.add_middleware(ExceptionMiddleware)

    kinds: list[object] = [each.cls for each in app.user_middleware]
    assert kinds == [ExceptionMiddleware, Outermost], (
        "Starlette does not put new middleware first into user_middleware: the deadline of a "
        "request moves another middleware inside, and is not there itself."
    )


async def test_a_mount_remembers_the_applications_own_root() -> None:
    seen: list[Scope] = []

    async def below(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await PlainTextResponse("")(scope, receive, send)

    await call(Starlette(routes=[Mount("/below", below)]), "/proxy/below/x", root_path="/proxy")

    [scope] = seen
    assert scope.get("app_root_path") == "/proxy", (
        "Starlette's mounts do not remember app_root_path: a 405 below one names wrong methods."
    )


async def test_a_route_knows_its_path_as_a_template_without_converters() -> None:
    seen: list[Scope] = []
    app = FastAPI()

    class Watching(Outermost):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)
            seen.append(scope)

    @app.get("/things/{number:int}")
    async def thing(number: int) -> int:
        return number

    app.add_middleware(Watching)
    await call(app, "/things/7")

    [scope] = seen
    route = scope.get("route")
    assert getattr(route, "path_format", None) == "/things/{number}", (
        "FastAPI does not tell a request's route, or its path_format: the pool's figures by route "
        "are all of one route."
    )


async def test_the_middleware_for_exceptions_answers_by_the_handlers_that_it_is_given() -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    async def answer(request: Any, error: Exception) -> PlainTextResponse:
        del request, error
        return PlainTextResponse("", status_code=418)

    sent = await call(ExceptionMiddleware(fail, handlers={ZeroDivisionError: answer}), "/")

    assert sent[0]["status"] == 418, (
        "Starlette's ExceptionMiddleware does not use its handlers: a request that took too long "
        "is answered 500."
    )


# FastAPI and SQLAlchemy, of what is committed after a response


async def test_a_stack_says_whether_it_has_anything_to_end() -> None:
    async with AsyncExitStack() as stack:
        before = len(vars(stack).get("_exit_callbacks", "none"))
        stack.callback(bool)
        after = len(vars(stack).get("_exit_callbacks", "none"))

    assert (before, after) == (0, 1), (
        "contextlib's stack does not keep what it ends in _exit_callbacks: commits after the "
        "response are not told of."
    )


async def test_the_stack_of_a_request_is_in_its_scope_and_ends_after_the_response() -> None:
    app, told = FastAPI(), list[str]()

    @app.get("/")
    async def read(request: Request) -> None:
        request.scope["fastapi_inner_astack"].callback(told.append, "ended")

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        told.append(message["type"])

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    await app({**scope, "root_path": ""}, receive, send)

    assert told == ["http.response.start", "http.response.body", "ended"], (
        "FastAPI keeps the dependencies of a request elsewhere, or ends them at another moment: "
        "nobody is told of a COMMIT that comes after the response."
    )


async def test_fastapi_ends_what_has_the_scope_of_a_function_before_the_response() -> None:
    app = FastAPI()
    told: list[str] = []

    @app.get("/")
    async def read(request: Request) -> None:
        request.scope["fastapi_function_astack"].callback(told.append, "ended")

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        told.append(message["type"])

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    await app({**scope, "root_path": ""}, receive, send)

    assert told == ["ended", "http.response.start", "http.response.body"], (
        "FastAPI keeps the dependencies of a function elsewhere, or ends them at another moment: a "
        "reader keeps its connection while the response is sent, or for ever."
    )


def test_sessions_are_numbered_as_they_are_made() -> None:
    before, number, after = Session().hash_key, _new_sessionid(), Session().hash_key

    assert before < number < after, (
        "SQLAlchemy numbers its sessions in another way: a session of before the response is taken "
        "for one of after it."
    )


@pytest.mark.parametrize("kind", [Query, AppenderQuery])
def test_a_query_and_a_dynamic_relationship_are_run_by_iter(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[object] = []

    def run(query: object) -> None:
        ran.append(query)

    monkeypatch.setattr(kind, "_iter", run)
    query = object.__new__(kind)
    with suppress(AttributeError):
        kind.all(query)

    assert ran == [query], (
        "SQLAlchemy runs a query in another way: the error of one that nobody awaits says no more "
        "than MissingGreenlet."
    )


# pydantic-settings


def test_the_source_of_the_environment_shows_all_variables_and_the_prefix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_POOLSIZE", "5")
    source = EnvSettingsSource(DatabaseSettings)

    assert source.env_vars.get("database_poolsize") == "5", (
        "EnvSettingsSource has no env_vars: nobody is warned of a misspelt variable, and secrets "
        "are not read from files."
    )
    assert source.env_prefix == "DATABASE_", (
        "EnvSettingsSource has no env_prefix: secrets are not read from files."
    )


# uvicorn, which the Todo API serves with

UVICORN: list[tuple[type, str, str]] = [
    (uvicorn.Server, "handle_exit", "a signal before the start is lost"),
    (uvicorn.Server, "shutdown", "connections that nobody has accepted are reset at the end"),
    (HttpToolsProtocol, "shutdown", "a request that is on its way at the end is cut off"),
    (Multiprocess, "init_processes", "Ctrl-C ends a worker with a traceback while it starts"),
    (Multiprocess, "keep_subprocess_alive", "so it does a worker that replaces another one"),
    (Process, "ping", "a worker is killed while it is loaded on a busy machine"),
    (Multiprocess, "terminate_all", "workers end before the last connections are accepted"),
    (Multiprocess, "handle_int", "Ctrl-C waits as long as SIGTERM"),
    (WatchFilesReload, "startup", "Ctrl-C ends the reloaded process with a traceback"),
    (WatchFilesReload, "restart", "so it does after a change"),
    (WatchFilesReload, "signal_handler", "a signal before the start is lost"),
]


@pytest.mark.parametrize(
    ("kind", "name", "what"), UVICORN, ids=[f"{kind.__name__}.{name}" for kind, name, _ in UVICORN]
)
def test_uvicorn_has_the_methods_that_the_server_replaces(kind: type, name: str, what: str) -> None:
    assert callable(getattr(kind, name, None)), f"uvicorn's {kind.__name__} has no {name}: {what}."


@pytest.mark.parametrize(
    ("kind", "names", "what"),
    [
        (HttpToolsProtocol, ["cycle", "loop"], "no connection lingers at the end"),
        (RequestResponseCycle, ["response_complete"], "no connection lingers at the end"),
        (uvicorn.Server, ["started"], "`todo serve` ends with 0 though it did not start"),
        (Multiprocess, ["processes", "sockets"], "no failed worker and no listener is found"),
    ],
)
def test_uvicorns_objects_have_what_the_server_reads(
    kind: type, names: list[str], what: str
) -> None:
    made = inspect.getsource(vars(kind)["__init__"])
    missing = [name for name in names if f"self.{name}" not in made]

    assert missing == [], f"uvicorn's {kind.__name__} has no {', '.join(missing)}: {what}."


def test_uvicorn_ends_a_worker_that_did_not_start_with_a_code_of_its_own() -> None:
    assert STARTUP_FAILURE not in {0, 1}, "A worker that cannot start is started for ever."
