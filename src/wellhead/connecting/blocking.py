"""A synchronous engine for tools that need one; its connections are made like all others.

The hooks are async, and so is connecting. So each connection is made in its own event loop, and
psycopg's result is then handed over to psycopg's synchronous class.
"""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from wellhead.connecting.connector import Connector
from wellhead.connecting.engine import connect_args
from wellhead.errors import ConfigurationError
from wellhead.url import PostgresURL


def blocking_engine(connector: Connector, **options: Any) -> Engine:
    """A synchronous psycopg engine, which opens a connection for each use.

    Args:
        connector: Makes its connections.
        options: Further arguments for ``create_engine``.

    Raises:
        ConfigurationError: psycopg is not installed, or the set-up is for asyncpg connections.
    """
    url = connector.settings.url
    if not isinstance(url, PostgresURL):
        raise ConfigurationError("A synchronous engine needs PostgreSQL.")
    if url.driver != "psycopg" and connector.hooks.set_up is not None:
        raise ConfigurationError(
            "set_up is for asyncpg connections, but a synchronous engine uses psycopg.",
            hint="Name psycopg in the URL of these settings (postgresql+psycopg://), with a set_up "
            "for its connections.",
        )
    psycopg_url = replace(url, driver="psycopg")
    through = connector.toward(connector.settings.model_copy(update={"url": psycopg_url}))
    try:
        import psycopg  # noqa: PLC0415 - an optional driver
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "A synchronous engine needs the package psycopg, which is not installed.",
            hint='Install it with pip install "wellhead[psycopg]".',
        ) from error

    def create() -> Any:
        arguments, keywords = engine.dialect.create_connect_args(engine.url)
        keywords = {**keywords, **connect_args(through.settings)}
        connection = _finish(through.connect(*arguments, **keywords))
        twin: Any = psycopg.Connection(connection.pgconn)
        # The type adapters that the set-up registered.
        twin._adapters = connection._adapters  # noqa: SLF001 - tests/test_undocumented_names.py
        twin.prepare_threshold = connection.prepare_threshold
        # Closed on garbage collection; psycopg leaves a pool's connections alone.
        connection._pool = None  # noqa: SLF001 - the same
        return twin

    engine = create_engine(
        psycopg_url.sqlalchemy_url(),
        creator=create,
        **{
            "poolclass": NullPool,
            "hide_parameters": not connector.settings.echo_parameters,
            "echo": connector.settings.echo,
            **connector.hooks.engine_options,
            **options,
        },
    )
    return engine


def _finish(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    # Called from a coroutine; its loop is blocked, as by any blocking call.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
