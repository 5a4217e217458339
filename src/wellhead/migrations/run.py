"""One command of Alembic, from ``env.py`` on: connect directly, take turns, migrate."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from alembic import context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from wellhead.connecting import Source
from wellhead.errors import MigrationError, WellheadError
from wellhead.migrations import failures, offline, turns
from wellhead.migrations.configuring import check_options, is_one_transaction, with_defaults
from wellhead.migrations.direct import direct_connection, direct_connector
from wellhead.migrations.patience import Progress
from wellhead.migrations.safety import refuse_to_destroy
from wellhead.migrations.state import compare
from wellhead.migrations.steps import Applied, Request, revision_of
from wellhead.pool.sqlalchemy import await_
from wellhead.settings import DatabaseSettings
from wellhead.url import PostgresURL

logger = logging.getLogger(__package__)

# What ``alembic init`` writes.
_URL_OF_THE_TEMPLATE: Final = "driver://user:pass@localhost/dbname"

FindSteps = Callable[[tuple[str, ...], MigrationContext], Iterable[MigrationStep]]


def run(
    metadata: MetaData | Sequence[MetaData], settings: Source | None, options: dict[str, Any]
) -> None:
    """Do what :func:`wellhead.migrations.run_env` describes."""
    config = context.config
    try:
        check_options(options)
        request = Request.of(config)
        if request.source is None and settings is not None:
            request = replace(request, source=settings)
        command = _Run(metadata, options, request)
        given = config.attributes.get("connection")
        if context.is_offline_mode():
            offline.write_sql(metadata, options, config.output_buffer, request.source)
        elif given is not None:
            command.on_given(given)
        else:
            if command.request.source is None:
                _refuse_url_of_alembic(config)
            _refuse_in_running_loop()
            asyncio.run(command.on_its_own())
    except WellheadError as error:
        if config.cmd_opts is None:
            raise
        # Of all exceptions, only this one is printed by Alembic without a traceback.
        raise CommandError(str(error)) from error


def _refuse_url_of_alembic(config: Config) -> None:
    # Tests of their own often say it there, and would migrate what the environment names.
    url = config.file_config.get(
        config.config_ini_section, "sqlalchemy.url", raw=True, fallback=_URL_OF_THE_TEMPLATE
    )
    if url and url != _URL_OF_THE_TEMPLATE:
        raise MigrationError(
            "Alembic's configuration sets sqlalchemy.url, but these migrations would run on the "
            "database that the environment names.",
            hint="Remove it. To migrate another database, call "
            "Migrations(scripts, settings=DatabaseSettings(url=...)).",
        )


def _refuse_in_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise MigrationError(
        "Migrations run an event loop of their own, and one is already running in this thread.",
        hint="Call them with await asyncio.to_thread(...).",
    )


class _Run:
    """One command of Alembic, from ``env.py`` to its end."""

    def __init__(
        self,
        metadata: MetaData | Sequence[MetaData],
        options: dict[str, Any],
        request: Request,
    ) -> None:
        self.request = request
        self._metadata = metadata
        self._options = options
        self._progress = Progress(0, is_one_transaction=is_one_transaction(options))
        self._done: list[Applied] = []
        self._turn: AsyncConnection | None = None
        self._url: PostgresURL | None = None
        self._find_steps: FindSteps = lambda *_: ()

    def on_given(self, given: Connection | Engine) -> None:
        """Work on a connection that the caller brought, and take no lock."""
        if isinstance(given, Engine):
            with given.connect() as connection:
                self._run(connection)
        else:
            self._run(given)

    async def on_its_own(self) -> None:
        """Work on direct connections, and take turns where something is to be changed."""
        connector = direct_connector(self.request.source)
        settings = connector.settings
        self._url = settings.url if isinstance(settings.url, PostgresURL) else None
        self._progress.timeout = settings.migration_timeout
        try:
            async with direct_connection(connector) as first:
                if not await first.run_sync(self._changes_the_schema):
                    await first.run_sync(self._run)
                elif await first.run_sync(self._is_needed):
                    await self._take_turn(first, settings)
        except DBAPIError as error:
            raise failures.refused(error) from error

    async def _take_turn(self, connection: AsyncConnection, settings: DatabaseSettings) -> None:
        await connection.rollback()
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        is_needed = partial(connection.run_sync, self._is_needed)
        if await turns.wait(connection, is_needed, settings):
            self._turn = connection
            await self._apply(connection.engine)

    async def _apply(self, engine: AsyncEngine) -> None:
        async def migrate() -> None:
            async with engine.connect() as connection:
                await connection.run_sync(self._run)

        try:
            await self._progress.complete(migrate)
        except (CommandError, WellheadError):
            raise
        except Exception as error:
            if self._progress.step is None:
                raise
            raise failures.failed(self._progress, self._progress.step, error) from error

    def _changes_the_schema(self, connection: Connection) -> bool:
        # Only commands that move the schema have a destination.
        return "destination_rev" in self._configure(connection).opts

    def _is_needed(self, connection: Connection) -> bool:
        migration = self._configure(connection)
        current = migration.get_current_heads()
        if migration.opts["destination_rev"] in ("head", "heads"):
            state = compare(context.script, current)
            if state.position == "ahead":
                logger.warning("the schema is %s; nothing to do", state)
                return False
        steps = list(self._find_steps(current, migration))
        # Alembic's stamp moves the version only.
        is_down = any(isinstance(step, RevisionStep) and step.is_downgrade for step in steps)
        if self._url is not None and is_down:
            refuse_to_destroy(self._url, named_database=self.request.named_database)
        return bool(steps)

    def _run(self, connection: Connection) -> None:
        self._configure(connection)
        self._progress.watch(connection)
        self._done = []
        with context.begin_transaction():
            context.run_migrations()
        # They were committed just now.
        for applied in self._done:
            self._report(applied)

    def _configure(self, connection: Connection) -> MigrationContext:
        arguments: dict[str, Any] = {
            "connection": connection,
            "target_metadata": self._metadata,
            **with_defaults(self._metadata, self._options, before_version=self._assert_turn),
        }
        context.configure(**arguments)
        migration = context.get_context()
        if migration.opts["fn"] != self._begin_each:
            self._find_steps = migration.opts["fn"]
        context.configure(**arguments, fn=self._begin_each)
        return context.get_context()

    def _begin_each(
        self, current: tuple[str, ...], migration: MigrationContext
    ) -> Iterator[MigrationStep]:
        for step in self._find_steps(current, migration):
            self._progress.begin(step)
            began = time.monotonic()
            yield step
            is_committed = not self._progress.is_one_transaction
            seconds = self._progress.seconds if is_committed else time.monotonic() - began
            applied = Applied(revision_of(step), step.doc or "", step.is_upgrade, seconds)
            if is_committed:
                # Alembic asks for the next step after it has committed this one.
                self._progress.step = None
                self._report(applied)
            else:
                self._done.append(applied)

    def _report(self, applied: Applied) -> None:
        known = {"revision": applied.revision, "seconds": round(applied.seconds, 3)}
        if applied.is_upgrade:
            logger.info("%s", applied, extra={"event": "migration_applied", **known})
        else:
            logger.info("%s", applied, extra={"event": "migration_taken_back", **known})
        self.request.report(applied)

    def _assert_turn(self, **_: object) -> None:
        # Within the migration's transaction, so what is raised here takes the migration back.
        if self._turn is not None:
            await_(turns.assert_held(self._turn))
