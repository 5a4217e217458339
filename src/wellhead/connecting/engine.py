"""From settings to an ``AsyncEngine``: which pool, which driver arguments, and why."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from wellhead.connecting.addresses import have_ipv4
from wellhead.connecting.asyncpg_connection import AsyncpgConnection
from wellhead.connecting.cancelling import keep_cancelled_connections
from wellhead.connecting.listeners import (
    log_slow_queries,
    name_command_timeouts,
    replace_stale_connections,
)
from wellhead.errors import (
    ConfigurationError,
    ConnectError,
    connect_error,
    keep_discreet,
    lacks_route,
)
from wellhead.errors.mistyped import name_mistyped_values, refuse_zones
from wellhead.pool import AsyncPool, CountingNullPool, PoolPlan
from wellhead.pool.connection_state import terminate
from wellhead.sessions.exclusive import keep_to_one_task, refuse_second_statements
from wellhead.sessions.leftovers import TRANSACTIONAL, mark_leftovers, warn_of_leftovers
from wellhead.sessions.proof import collect_evidence
from wellhead.settings import DatabaseSettings
from wellhead.url import PostgresURL, SQLiteURL
from wellhead.url.tls import OPPORTUNISTIC

PROBE_TIMEOUT = 3.0
"""Seconds for a probe's whole visit, or the connect timeout where that is shorter."""

# What a URL says that is content with a server that takes no changes.
_READ_ONLY_IS_WANTED = ("read-only", "standby", "prefer-standby")

Connect = Callable[..., Awaitable[Any]]
OnError = Callable[[ConnectError], None]


def plan_pool(settings: DatabaseSettings) -> PoolPlan:
    """Decide which pool these settings get, and say why."""
    url = settings.url
    if not isinstance(url, PostgresURL):
        return PoolPlan("static", "An in-memory SQLite database lives in its one connection.", 1, 0)
    if settings.pool_mode == "none":
        return PoolPlan("none", "DATABASE_POOL_MODE=none opens a connection for each use.")
    reason = "The URL leads straight to the server."
    if url.is_pooled:
        reason = (
            "The URL leads to a pooler; a long-lived process still keeps connections to it, "
            "because opening one costs more round trips than a request."
        )
    if settings.pool_min_idle and settings.effective_may_sleep:
        reason += " DATABASE_POOL_MIN_IDLE has no effect: the database may sleep."
    return PoolPlan("pool", reason, settings.pool_size, settings.max_overflow)


def build_engine(
    settings: DatabaseSettings,
    plan: PoolPlan,
    *,
    on_connect_error: OnError | None = None,
) -> AsyncEngine:
    """Make the engine; no connection is opened.

    Args:
        settings: How to connect.
        plan: Which pool; see :func:`plan_pool`.
        on_connect_error: Told of every connection that could not be made, before it is raised.

    Raises:
        ConfigurationError: The driver that the URL names is not installed.
        URLError: A certificate file of the URL cannot be read.
    """
    url = settings.url
    arguments = _connect_args(settings)
    try:
        if isinstance(url, PostgresURL):
            arguments["async_creator_fn"] = connector(settings, on_error=on_connect_error)
        engine = create_async_engine(
            url.sqlalchemy_url(),
            connect_args=arguments,
            echo=settings.echo,
            hide_parameters=not settings.echo_parameters,
            **_pool_arguments(settings, plan, on_connect_error),
        )
    except ModuleNotFoundError as error:
        extra = "sqlite" if error.name == "aiosqlite" else "psycopg"
        raise ConfigurationError(
            f"The URL needs the package {error.name}, which is not installed.",
            hint=f'Install it with pip install "wellhead[{extra}]".',
        ) from error
    if isinstance(url, PostgresURL):
        if url.driver == "psycopg":
            replace_stale_connections(engine)
            refuse_zones(engine.sync_engine.dialect)
        if url.is_pooled:
            _set_limits_in_transactions(engine, _server_side_limits(settings, url))
        watch = warn_of_leftovers if url.is_pooled else mark_leftovers
        watch(engine.sync_engine)
        refuse_second_statements(engine.sync_engine)
        pool: Any = engine.sync_engine.pool
        pool.before_wait = keep_to_one_task
    collect_evidence(engine.sync_engine)
    name_command_timeouts(engine, limit=settings.effective_command_timeout)
    # Before those of an open database, which count what cancelling leaves as a lost connection.
    keep_cancelled_connections(engine)
    name_mistyped_values(engine.sync_engine)
    keep_discreet(
        engine.sync_engine,
        show_statements=settings.echo,
        show_values=settings.echo_parameters,
    )
    if settings.slow_query_threshold is not None:
        log_slow_queries(engine, threshold=settings.slow_query_threshold)
    return engine


def connector(
    settings: DatabaseSettings, *, on_error: OnError | None = None, limit: float | None = None
) -> Connect:
    """A function that opens one connection of the driver, within the connect timeout.

    It takes the driver's keyword arguments and raises a :class:`wellhead.ConnectError`.

    Args:
        settings: How to connect.
        on_error: Told of a failure before it is raised.
        limit: Seconds, in place of the connect timeout.
    """
    limit = settings.effective_connect_timeout if limit is None else limit
    translate = _translator(settings, limit, on_error=on_error)
    connect_driver = _driver_connect(settings.url)
    hosts = settings.url.hosts if isinstance(settings.url, PostgresURL) else ()

    async def connect(*args: Any, **kwargs: Any) -> Any:
        try:
            async with asyncio.timeout(limit):
                return await connect_driver(*args, **kwargs)
        except Exception as error:
            has_ipv4 = not lacks_route(error) or await have_ipv4(hosts)
            raise translate(error, has_ipv4=has_ipv4) from error

    return connect


async def connect_first(engine: AsyncEngine, settings: DatabaseSettings) -> AsyncConnection:
    """Make an engine's first connection, on which SQLAlchemy learns about the server.

    Raises:
        ConnectError: It could not be made, or was lost or refused in the first queries, as
            happens behind a pooler.
    """
    connection = engine.connect()
    pool = engine.sync_engine.pool
    try:
        if isinstance(pool, AsyncPool):
            # Who opens a database hears of a failure at once, and decides whether to try again.
            await pool.open_one()
        await connection.start()
    except DBAPIError as error:
        raise _translator(settings, settings.effective_connect_timeout)(error) from error
    return connection


def probe(settings: DatabaseSettings, engine: AsyncEngine) -> Callable[[], Awaitable[bool]]:
    """A function that opens a connection past the pool, asks one question and closes it.

    It says whether the server takes no changes although the URL does not ask for such a server,
    and raises a :class:`wellhead.ConnectError` when all that takes longer than ``PROBE_TIMEOUT``.
    """
    limit = min(settings.effective_connect_timeout, PROBE_TIMEOUT)
    connect, translate = connector(settings, limit=limit), _translator(settings, limit)

    async def ask() -> bool:
        deadline = asyncio.get_running_loop().time() + limit
        arguments, keywords = engine.dialect.create_connect_args(engine.url)
        keywords = {**keywords, **_connect_args(settings)}
        # SQLAlchemy's dialect keeps it to itself.
        keywords.pop("prepared_statement_cache_size", None)
        connection = await connect(*arguments, **keywords)
        try:
            async with asyncio.timeout_at(deadline):
                is_read_only = await _is_read_only(connection, settings.url)
                await connection.close()
        except Exception as error:
            raise translate(error) from error
        finally:
            # On a silent network the end of a conversation would be waited for, too.
            terminate(connection)
        return is_read_only

    return ask


async def _is_read_only(connection: Any, url: PostgresURL | SQLiteURL) -> bool:
    # On for a standby, too: https://www.postgresql.org/docs/current/hot-standby.html
    question = "SELECT current_setting('transaction_read_only')"
    if not isinstance(url, PostgresURL):
        await connection.execute("SELECT 1")
        return False
    if isinstance(connection, asyncpg.Connection):
        answer = await connection.fetchval(question)
    else:
        cursor = await connection.execute(question)
        (answer,) = await cursor.fetchone()
    return answer == "on" and url.parameters.target_session_attrs not in _READ_ONLY_IS_WANTED


def _translator(
    settings: DatabaseSettings, limit: float, *, on_error: OnError | None = None
) -> Callable[..., ConnectError]:
    """A function that says of a driver's failure to connect what it means, and tells of it."""
    hosts = settings.url.hosts if isinstance(settings.url, PostgresURL) else ()
    target = ", ".join(host.name if host.is_socket else str(host) for host in hosts) or "SQLite"
    insists_on_tls = getattr(settings.url, "sslmode", "prefer") not in OPPORTUNISTIC

    def translate(error: BaseException, *, has_ipv4: bool = True) -> ConnectError:
        failure = connect_error(
            error,
            target=target,
            timeout=limit,
            insists_on_tls=insists_on_tls,
            has_ipv4=has_ipv4,
        )
        if on_error is not None:
            on_error(failure)
        return failure

    return translate


def _driver_connect(url: PostgresURL | SQLiteURL) -> Connect:
    if isinstance(url, SQLiteURL):
        import aiosqlite  # noqa: PLC0415 - an optional driver

        return aiosqlite.connect
    if url.driver == "psycopg":
        from wellhead.connecting.psycopg_connection import (  # noqa: PLC0415 - optional, too
            LimitedPsycopgConnection,
            PsycopgConnection,
        )

        return (LimitedPsycopgConnection if url.is_pooled else PsycopgConnection).connect
    return partial(asyncpg.connect, connection_class=AsyncpgConnection)


def _connect_args(settings: DatabaseSettings) -> dict[str, Any]:
    url = settings.url
    if not isinstance(url, PostgresURL):
        return url.connect_args()
    if settings.application_name is not None:
        named = replace(url.parameters, application_name=settings.application_name)
        url = replace(url, parameters=named)
    choices = {"auto": None, "on": True, "off": False}
    arguments = url.connect_args(
        _server_side_limits(settings, url),
        prepared_statements=choices[settings.prepared_statements],
    )
    if url.driver == "asyncpg":
        arguments["timeout"] = settings.effective_connect_timeout
    if url.driver == "asyncpg" or url.is_pooled:
        arguments["command_timeout"] = settings.effective_command_timeout
    return arguments


def _server_side_limits(settings: DatabaseSettings, url: PostgresURL) -> dict[str, str]:
    """The limits that the server keeps, as PostgreSQL settings in milliseconds.

    On direct connections of psycopg the server keeps the command timeout, too.
    """
    statement = settings.statement_timeout
    if statement is None and url.driver == "psycopg" and not url.is_pooled:
        statement = settings.effective_command_timeout
    limits = {"statement_timeout": statement, "lock_timeout": settings.lock_timeout}
    if not url.is_pooled:
        # Only a connection's start can set it, and no pooler takes it there.
        idle = settings.effective_idle_in_transaction_timeout
        limits["idle_in_transaction_session_timeout"] = idle
    return {
        name: str(round(seconds * 1000)) for name, seconds in limits.items() if seconds is not None
    }


def limits_in_transactions(settings: DatabaseSettings) -> bool:
    """Whether the server keeps limits that can only be set in a transaction, behind a pooler."""
    url = settings.url
    if not isinstance(url, PostgresURL) or not url.is_pooled:
        return False
    return bool(_server_side_limits(settings, url))


def prepares(settings: DatabaseSettings) -> bool:
    """Whether the driver learns the types of a response along with it, or before for good.

    asyncpg does not where it may not rely on named statements.
    """
    return _connect_args(settings).get("statement_cache_size") != 0


def _pool_arguments(
    settings: DatabaseSettings, plan: PoolPlan, on_connect_error: OnError | None
) -> dict[str, Any]:
    if plan.mode == "static":
        return {"poolclass": StaticPool}
    if plan.mode == "none":
        return {"poolclass": CountingNullPool}
    limit = settings.effective_connect_timeout
    return {
        "poolclass": AsyncPool,
        "pool_size": plan.pool_size,
        "max_overflow": plan.max_overflow,
        "pool_timeout": settings.pool_timeout,
        "pool_recycle": settings.pool_recycle,
        "pool_use_lifo": settings.pool_use_lifo,
        "pool_pre_ping": settings.pool_pre_ping,
        # To replace one that went when the database fell asleep would wake it.
        "min_idle": 0 if settings.effective_may_sleep else settings.pool_min_idle,
        "max_waiting": settings.pool_max_waiting,
        "idle_timeout": settings.pool_idle_timeout,
        "lifetime_jitter": settings.pool_lifetime_jitter,
        "check_after_idle": settings.pool_check_after_idle,
        "connect_timeout": limit,
        "leak_threshold": settings.pool_leak_threshold,
        "name": settings.application_name or getattr(settings.url, "database", "default"),
        "name_connect_timeout": _translator(settings, limit, on_error=on_connect_error),
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
