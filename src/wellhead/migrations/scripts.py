"""The migrations of one project, and what can be done with them."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from wellhead.connecting import Source
from wellhead.errors import classify
from wellhead.health import SchemaState
from wellhead.migrations import failures
from wellhead.migrations.direct import direct_connection, direct_connector
from wellhead.migrations.files import check_scripts, head_of
from wellhead.migrations.steps import Applied, Report

if TYPE_CHECKING:
    from wellhead.migrations.commands import Commands

VERSION_TABLE: Final = "alembic_version"
"""Where Alembic writes down the revisions that a database is at."""


class Migrations:
    """The migrations of one project.

    All methods except :meth:`read_state` run an event loop of their own; if one is already
    running, call them in another thread. Each raises a :class:`wellhead.WellheadError` that says
    what could not be done: a :class:`wellhead.MigrationError`, a :class:`wellhead.ConnectError`,
    or a :class:`wellhead.URLError` where only a pooler's address is known.

    Args:
        scripts: The directory with ``env.py`` and ``versions``; None finds it as ``alembic``
            does, by ``alembic.ini`` or ``pyproject.toml`` in the working directory.
        settings: How to connect; the direct URL of these is used. A :class:`wellhead.Database`
            for its settings and hooks; it need not be open. None uses the settings that ``env.py``
            gives to ``run_env``, or else the environment.
        command: The command that applies them, for log lines about a schema that is behind.

    Raises:
        MigrationError: There are no migrations there.
    """

    def __init__(
        self,
        scripts: Path | None = None,
        *,
        settings: Source | None = None,
        command: str = "wellhead migrate up",
    ) -> None:
        self._scripts = scripts
        self._command = command
        self._settings = settings
        self._known_commands: Commands | None = None
        if scripts is None:
            # Only Alembic knows its files.
            self._commands()
        else:
            check_scripts(scripts)

    @property
    def command(self) -> str:
        """The command that applies the migrations."""
        return self._command

    def upgrade(
        self, revision: str = "head", *, report: Report | None = None
    ) -> tuple[Applied, ...]:
        """Upgrade the schema to a revision, unless another process does so first.

        Waits for another process that migrates, and for tables in use; see the settings
        ``migration_timeout`` and ``migration_lock_timeout``. A schema that is ahead stays.

        Args:
            revision: Where to go.
            report: Told of each migration as soon as it is committed.

        Returns:
            What this process applied, in order.
        """
        return self._commands().move("upgrade", revision, report=report)

    def downgrade(
        self, revision: str, *, named_database: str | None = None, report: Report | None = None
    ) -> tuple[Applied, ...]:
        """Downgrade the schema; what the newer migrations added is destroyed.

        Args:
            revision: Where to go: a revision, ``-1`` for one back, ``base`` for nothing left.
            named_database: The name of the database; required if it is not on this machine.
            report: Told of each migration as soon as it is taken back.

        Returns:
            What this process took back, in order.
        """
        return self._commands().move(
            "downgrade", revision, report=report, named_database=named_database
        )

    def state(self) -> SchemaState:
        """The state of the schema; reads it on the direct connection, as ``env.py`` connects."""
        if self._settings is not None:
            # A schema at head is seen without Alembic, and without the project's env.py.
            state = asyncio.run(self._look(self._settings))
            if state.position == "at_head":
                return state
        return self._commands().state()

    async def read_state(self, connection: AsyncConnection) -> SchemaState:
        """Read the state of the schema on any connection, which may go through a pooler.

        Raises:
            MigrationError: The scripts have several heads or cannot be read, or the version table
                may not be read.
        """
        try:
            current = await connection.run_sync(_current_revisions)
        except DBAPIError as error:
            if classify(error).connection_lost:
                raise
            raise failures.unreadable(error) from error
        return await asyncio.to_thread(self._state_at, current)

    def title_of(self, revision: str) -> str:
        """The first line of a migration's docstring."""
        return self._commands().title_of(revision)

    def differences(self) -> str:
        """What a migration would have to do so that the schema equals the models, as its code.

        Returns:
            Lines of Python; empty if they are equal.

        Raises:
            MigrationError: The schema is not at head, so it cannot be compared.
        """
        return self._commands().differences()

    def new(self, message: str, *, is_empty: bool = False) -> Path | None:
        """Write a new migration, from the differences between the models and the schema.

        Its identifier is the next number where the others are numbers, such as 0003.

        Args:
            message: What it does, in some words.
            is_empty: Write a migration that does nothing yet; needs no database.

        Returns:
            The file, or None where the models equal the schema.
        """
        return self._commands().new(message, is_empty=is_empty)

    def sql(self, revisions: str = "head", *, is_downgrade: bool = False) -> str:
        """Write migrations as SQL; needs no database.

        Args:
            revisions: Up to which revision, or from which to which, as in ``0001:0003``.
            is_downgrade: Write the downgrade; it needs both revisions, the newer one first.
        """
        return self._commands().sql(revisions, is_downgrade=is_downgrade)

    async def _look(self, source: Source) -> SchemaState:
        async with direct_connection(direct_connector(source)) as connection:
            return await self.read_state(connection)

    def _state_at(self, current: tuple[str, ...]) -> SchemaState:
        if self._scripts is not None:
            head = head_of(self._scripts)
            if head is not None and current == (head,):
                return SchemaState("at_head", current, head)
        return self._commands().compare(current)

    def _commands(self) -> "Commands":
        from wellhead.migrations.commands import Commands  # noqa: PLC0415 - see its docstring

        if self._known_commands is None:
            self._known_commands = Commands(self._scripts, self._settings)
        return self._known_commands


def _current_revisions(connection: Connection) -> tuple[str, ...]:
    if not inspect(connection).has_table(VERSION_TABLE):
        return ()
    return tuple(connection.scalars(text(f"SELECT version_num FROM {VERSION_TABLE}")))  # noqa: S608
