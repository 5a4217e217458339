"""From settings to an ``AsyncEngine``: which pool, which driver arguments, and why."""

from dataclasses import replace
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from wellhead.connecting.cancelling import keep_cancelled_connections
from wellhead.connecting.connector import Connector
from wellhead.connecting.listeners import (
    log_slow_queries,
    name_command_timeouts,
    replace_stale_connections,
    report_to,
)
from wellhead.connecting.plan import CountingNullPool, InMemory, PoolPlan
from wellhead.errors import ConfigurationError, SettingsError
from wellhead.errors.discretion import keep_discreet
from wellhead.errors.mistyped import name_mistyped_values, refuse_zones
from wellhead.errors.too_many import name_too_many_parameters
from wellhead.pool import AsyncPool
from wellhead.pool.owner import Advice
from wellhead.sessions.exclusive import keep_to_one_task, refuse_second_statements
from wellhead.sessions.failover import leave_standbys
from wellhead.sessions.leftovers import TRANSACTIONAL, mark_leftovers, warn_of_leftovers
from wellhead.sessions.proof import collect_evidence
from wellhead.sessions.reader import let_only_reads_pass
from wellhead.settings import DatabaseSettings
from wellhead.url import PostgresURL, SQLiteURL


def plan_pool(settings: DatabaseSettings) -> PoolPlan:
    """Decide which pool these settings get, and say why."""
    url = settings.url
    if not isinstance(url, PostgresURL):
        reason = "An in-memory SQLite database has one connection, which all sessions share."
        return PoolPlan("static", reason, 1, 0, InMemory(url.name))
    if settings.pool_mode == "none":
        return PoolPlan(
            "none", f"{settings.variable_of('pool_mode')}=none opens a connection for each use."
        )
    reason = "The URL leads directly to the server."
    if url.is_pooled:
        reason = (
            "The URL leads to a pooler; a long-lived process still keeps connections to it, "
            "because opening one costs more round trips than a request."
        )
    if settings.pool_min_idle and settings.effective_may_sleep:
        name = settings.variable_of("pool_min_idle")
        reason += f" {name} has no effect: the database may sleep."
    return PoolPlan("pool", reason, settings.pool_size, settings.max_overflow)


def advice_for(url: PostgresURL | SQLiteURL) -> Advice:
    """What helps those who use a database from elsewhere than where it is open."""
    return Advice(
        f"The database {url}",
        elsewhere="Open a Database of its own in each event loop, or hand the work to the loop in "
        "which this one is open: asyncio.run_coroutine_threadsafe(). In tests, a database that is "
        "open for the whole session needs one loop for the session, too: with pytest-asyncio, "
        'loop_scope="session" for tests and fixtures.',
        ended="Write async with database: inside of what each asyncio.run() runs, or run all of it "
        "in one loop that is kept: asyncio.Runner().",
        forked="Open it in this process: async with database: leaves the parent's connections as "
        "they are.",
        outside="Use it from a coroutine, inside async with database:.",
    )


def build_engine(connector: Connector, plan: PoolPlan, *, server: str | None = None) -> AsyncEngine:
    """Build the engine; no connection is opened, except the one that keeps SQLite in memory.

    Args:
        connector: Makes its connections.
        plan: Which pool; see :func:`plan_pool`.
        server: Where it leads, for the pool's name in messages, if there are pools of others.

    Raises:
        ConfigurationError: The driver that the URL names is not installed.
        URLError: A certificate file of the URL cannot be read.
        SettingsError: SQLAlchemy does not accept something in ``engine_options``.
    """
    settings, options = connector.settings, connector.hooks.engine_options
    url = settings.url
    arguments = connect_args(settings)
    try:
        if isinstance(url, PostgresURL):
            arguments["async_creator_fn"] = connector.connect
        engine = create_async_engine(
            _sqlalchemy_url(url, plan),
            connect_args=arguments,
            hide_parameters=not settings.echo_parameters,
            **{"echo": settings.echo, **options},
            **_pool_arguments(connector, plan, server),
        )
    except TypeError as error:
        if not options:
            raise
        raise SettingsError(f"engine_options cannot be used: {error}") from error
    except ModuleNotFoundError as error:
        extra = "sqlite" if error.name == "aiosqlite" else "psycopg"
        raise ConfigurationError(
            f"The URL needs the package {error.name}, which is not installed.",
            hint=f'Install it with pip install "wellhead[{extra}]".',
        ) from error
    report_to(connector.hooks.observers, engine)
    # First, so that a refusal leaves nothing behind and is not counted.
    let_only_reads_pass(engine.sync_engine)
    if isinstance(url, PostgresURL):
        _watch_postgres(engine, settings, url)
    collect_evidence(engine.sync_engine)
    name_command_timeouts(
        engine,
        limit=settings.effective_command_timeout,
        variable=settings.variable_of("command_timeout"),
    )
    # Before those of an open database, which count as lost what a cancellation leaves behind.
    keep_cancelled_connections(engine)
    name_mistyped_values(engine.sync_engine)
    name_too_many_parameters(engine.sync_engine)
    keep_discreet(
        engine.sync_engine,
        show_statements=bool(options.get("echo", settings.echo)),
        show_values=settings.echo_parameters,
    )
    if settings.slow_query_threshold is not None:
        log_slow_queries(
            engine, threshold=settings.slow_query_threshold, echo=settings.variable_of("echo")
        )
    return engine


def _watch_postgres(engine: AsyncEngine, settings: DatabaseSettings, url: PostgresURL) -> None:
    if url.driver == "psycopg":
        replace_stale_connections(engine)
        refuse_zones(engine.sync_engine.dialect)
    if url.is_pooled:
        _set_limits_in_transactions(engine, _server_side_limits(settings, url))
    watch = warn_of_leftovers if url.is_pooled else mark_leftovers
    watch(engine.sync_engine)
    refuse_second_statements(engine.sync_engine)
    if leaves_standbys(url):
        leave_standbys(engine.sync_engine)
    pool: Any = engine.sync_engine.pool
    pool.before_wait = keep_to_one_task


def _sqlalchemy_url(url: PostgresURL | SQLiteURL, plan: PoolPlan) -> URL:
    if isinstance(url, PostgresURL) or plan.in_memory is None:
        return url.sqlalchemy_url()
    plan.in_memory.keep()
    return url.sqlalchemy_url(plan.in_memory.name)


async def connect_first(engine: AsyncEngine, connector: Connector) -> AsyncConnection:
    """Make an engine's first connection, on which SQLAlchemy learns about the server.

    Raises:
        ConnectError: It could not be made, or was lost or refused in the first queries, as
            happens behind a pooler.
    """
    connection = engine.connect()
    pool = engine.sync_engine.pool
    try:
        if isinstance(pool, AsyncPool):
            # The caller of open() sees a failure at once, and decides whether to try again.
            await pool.open_one()
        await connection.start()
    except DBAPIError as error:
        raise connector.translate(error) from error
    return connection


def connect_args(settings: DatabaseSettings) -> dict[str, Any]:
    """The driver's arguments in addition to those of SQLAlchemy's URL."""
    url = settings.url
    if not isinstance(url, PostgresURL):
        return url.connect_args()
    named = replace(url.parameters, application_name=settings.effective_application_name)
    url = replace(url, parameters=named)
    choices = {"auto": None, "on": True, "off": False}
    server = _server_side_limits(settings, url)
    if settings.jit is not None and not url.is_pooled:
        server["jit"] = "on" if settings.jit else "off"
    arguments = url.connect_args(
        server,
        prepared_statements=choices[settings.prepared_statements],
    )
    if url.driver == "asyncpg":
        arguments["timeout"] = settings.effective_connect_timeout
    if url.driver == "asyncpg" or url.is_pooled:
        arguments["command_timeout"] = settings.effective_command_timeout
    return arguments


def _server_side_limits(settings: DatabaseSettings, url: PostgresURL) -> dict[str, str]:
    """The limits that the server enforces, as PostgreSQL settings in milliseconds.

    On direct psycopg connections, the server also enforces the command timeout.
    """
    statement = settings.statement_timeout
    if statement is None and url.driver == "psycopg" and not url.is_pooled:
        statement = settings.effective_command_timeout
    limits = {"statement_timeout": statement, "lock_timeout": settings.lock_timeout}
    if not url.is_pooled:
        # It can only be set when a connection starts, where no pooler accepts it.
        idle = settings.effective_idle_in_transaction_timeout
        limits["idle_in_transaction_session_timeout"] = idle
    return {
        name: str(round(seconds * 1000)) for name, seconds in limits.items() if seconds is not None
    }


def limits_in_transactions(settings: DatabaseSettings) -> bool:
    """Whether limits can only be set in a transaction, because of a pooler."""
    url = settings.url
    if not isinstance(url, PostgresURL) or not url.is_pooled:
        return False
    return bool(_server_side_limits(settings, url))


def leaves_standbys(url: PostgresURL) -> bool:
    """Whether a standby that refuses a write loses its connections.

    Not behind a pooler: PgBouncer repeats to every client what the first server told it.
    """
    return not (url.is_pooled or url.parameters.wants_no_writes)


def prepares(settings: DatabaseSettings) -> bool:
    """Whether the driver gets the types of a result with it, or keeps them from before.

    asyncpg does not if it may not rely on named statements.
    """
    return connect_args(settings).get("statement_cache_size") != 0


def _pool_arguments(connector: Connector, plan: PoolPlan, server: str | None) -> dict[str, Any]:
    settings = connector.settings
    name = settings.application_name or getattr(settings.url, "database", "default")
    if plan.mode == "static":
        return {"poolclass": StaticPool}
    if plan.mode == "none":
        return {"poolclass": CountingNullPool}
    return {
        "poolclass": AsyncPool,
        "pool_size": plan.pool_size,
        "max_overflow": plan.max_overflow,
        "pool_timeout": settings.pool_timeout,
        "pool_recycle": settings.pool_recycle,
        "pool_use_lifo": settings.pool_use_lifo,
        "pool_pre_ping": settings.pool_pre_ping,
        # Replacing one that was lost when the database fell asleep would wake it.
        "min_idle": 0 if settings.effective_may_sleep else settings.pool_min_idle,
        "max_waiting": settings.pool_max_waiting,
        "idle_timeout": settings.pool_idle_timeout,
        "lifetime_jitter": settings.pool_lifetime_jitter,
        "check_after_idle": settings.pool_check_after_idle,
        "connect_timeout": settings.effective_connect_timeout,
        "leak_threshold": settings.pool_leak_threshold,
        "name": name if server is None else f"{name} at {server}",
        "name_connect_timeout": connector.translate,
        "advice": advice_for(settings.url),
        "observers": connector.hooks.observers,
    }


def _set_limits_in_transactions(engine: AsyncEngine, limits: dict[str, str]) -> None:
    # A pooler refuses settings at the start of a connection, and would share them afterwards.
    if not limits:
        return
    calls = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in limits.items())

    @event.listens_for(engine.sync_engine, "begin")
    def set_them(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql(f"SELECT {calls}", execution_options={TRANSACTIONAL: True})
