"""Alembic on the direct connection: no pooler, one process at a time.

A project's ``env.py`` is::

    from wellhead.migrations import run_env

    from project.models import metadata

    run_env(metadata)
"""

import asyncio
import logging
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, text

from wellhead.engine import build_engine, plan_pool
from wellhead.settings import DatabaseSettings

logger = logging.getLogger(__name__)

# Any constant will do, as long as every process that migrates this database takes the same.
_LOCK_KEY = 7_317_486_020_134_469


def upgrade(
    scripts: Path, *, settings: DatabaseSettings | None = None, revision: str = "head"
) -> None:
    """Bring the schema to a revision; waits while another process migrates.

    Runs an event loop of its own, so call it from a thread when one is running already.

    Args:
        scripts: The directory with ``env.py`` and ``versions``.
        settings: How to connect; the direct URL of these is used. None reads the environment.
        revision: Where to go.

    Raises:
        URLError: The URL leads to a pooler whose direct address cannot be derived.
        ConnectError: The server could not be reached, or refused.
    """
    command.upgrade(_config(scripts, settings), revision)


def downgrade(scripts: Path, revision: str, *, settings: DatabaseSettings | None = None) -> None:
    """Take the schema back to a revision, or to nothing with ``base``; see :func:`upgrade`."""
    command.downgrade(_config(scripts, settings), revision)


def run_env(metadata: MetaData) -> None:
    """Do all that an Alembic ``env.py`` does, online and offline (``--sql``)."""
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    settings = context.config.attributes.get("wellhead_settings") or DatabaseSettings()
    asyncio.run(_migrate(settings, metadata))


async def _migrate(settings: DatabaseSettings, metadata: MetaData) -> None:
    direct = settings.model_copy(
        # A migration may rightly take longer than a request's statement.
        update={
            "url": settings.direct_url(),
            "pool_mode": "none",
            "command_timeout": None,
            "statement_timeout": None,
        }
    )
    engine = build_engine(direct, plan_pool(direct))
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK_KEY})
            await connection.commit()
            await connection.run_sync(_run, metadata)
    finally:
        await engine.dispose()


def _run(connection: Connection, metadata: MetaData) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _config(scripts: Path, settings: DatabaseSettings | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["wellhead_settings"] = settings
    return config
