"""Loads a backup into an empty database, in one transaction."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from todo.backup.archive import Archive, Manifest, open_archive
from todo.backup.copying import UNLIMITED, copy_in, quoted
from todo.backup.errors import BackupError, telling
from todo.backup.taking import OF_TRANSACTION
from todo.schema import MIGRATE, program_migrations
from wellhead import Database, DatabaseSettings, MigrationError, SchemaState
from wellhead.migrations import direct_settings

ELSEWHERE = "Restore into an empty database."

_OF_TRANSACTION = text("""
    SELECT class.relname, attribute.attname, format_type(attribute.atttypid, NULL) AS type,
        pg_get_expr(given.adbin, given.adrelid) AS given
    FROM pg_class AS class JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid
    LEFT JOIN pg_attrdef AS given
        ON given.adrelid = attribute.attrelid AND given.adnum = attribute.attnum
    WHERE class.oid = CAST(:table AS regclass) AND attribute.attnum > 0
        AND NOT attribute.attisdropped AND attribute.attname LIKE :pattern
""")

_SEQUENCE = text("SELECT pg_get_serial_sequence(:table, :column)")


def restore_backup(settings: DatabaseSettings, path: Path, *, replace: bool = False) -> Manifest:
    """Load a backup, and migrate the database to this program's schema.

    The file is checked to its last byte before anything is written. All rows are loaded in one
    transaction, in which nobody else sees or writes any; if it fails, there are none.

    Args:
        settings: The database, empty or migrated to the revision of the backup and without rows;
            past a pooler, its direct address is used.
        path: The file.
        replace: Whether rows that are there are deleted, in the same transaction.

    Returns:
        What was restored.

    Raises:
        BackupError: Nothing was restored, or all of it and not migrated; the message says which.
        MigrationError: Nothing was restored; the tables could not be made.
        ConnectError: It cannot be reached.
        URLError: Only a pooler's address is known.
    """
    direct = direct_settings(settings, purpose="todo restore")
    migrations = program_migrations(settings)
    with open_archive(path) as archive:
        revision = archive.manifest.revision
        _check(migrations.state(), archive.manifest)
        migrations.upgrade(revision)
        with telling("Nothing was restored."):
            asyncio.run(_load(direct, archive, replace=replace))
    try:
        migrations.upgrade()
    except MigrationError as error:
        raise BackupError(
            f"All rows were restored, at revision {revision}, and then could not be migrated. When "
            f"that is mended, go on with: {MIGRATE}\n{error}"
        ) from error
    return archive.manifest


def _check(state: SchemaState, manifest: Manifest) -> None:
    revision = manifest.revision
    if not state.current:
        if revision not in state.pending:
            raise BackupError(
                f"The backup is of revision {revision}, which this program does not know. Restore "
                f"it with version {manifest.app_version} or a later one. Nothing was changed."
            )
    elif state.current != (revision,):
        raise BackupError(
            f"The backup is of revision {revision}, and the database is at "
            f"{', '.join(state.current)}. {ELSEWHERE} It is then migrated. Nothing was changed."
        )


async def _load(settings: DatabaseSettings, archive: Archive, *, replace: bool) -> None:
    async with Database(settings) as database, database.engine.begin() as connection:
        await _execute(connection, UNLIMITED)
        names = [table.name for table in archive.manifest.tables]
        await _clear(connection, names, replace=replace)
        for table, blocks in archive.blocks():
            noted = await _note_transaction(connection, table.name)
            rows = await copy_in(connection, table.name, table.columns, blocks)
            if rows != table.rows:
                raise BackupError(
                    f"{table.name} has {table.rows} rows in the file, and {rows} were loaded. "
                    "Nothing was restored."
                )
            await _execute(connection, noted)
            await _advance_sequences(connection, table.name, table.columns)


async def _clear(connection: AsyncConnection, names: Sequence[str], *, replace: bool) -> None:
    # No new rows while these are loaded, and no token that is half old and half new.
    listed = ", ".join(map(quoted, names))
    await connection.execute(text(f"LOCK TABLE {listed} IN ACCESS EXCLUSIVE MODE"))
    if replace:
        await connection.execute(text(f"TRUNCATE {listed}"))
        return
    for name in names:
        if await connection.scalar(text(f"SELECT EXISTS (SELECT FROM {quoted(name)})")):  # noqa: S608 - quoted
            raise BackupError(
                f"The database is not empty: {name} has rows. {ELSEWHERE} Or add --replace, which "
                "deletes all that it holds. Nothing was changed."
            )


async def _note_transaction(connection: AsyncConnection, table: str) -> Sequence[str]:
    """Let columns that the backup leaves out get this transaction's id; return how to undo it."""
    undo = []
    values = {"table": quoted(table), "pattern": f"%\\{OF_TRANSACTION}"}
    for _, name, kind, given in await connection.execute(_OF_TRANSACTION, values):
        column = f"ALTER TABLE {quoted(table)} ALTER COLUMN {quoted(name)}"
        value = f"CAST(CAST(pg_current_xact_id() AS text) AS {kind})"
        await connection.execute(text(f"{column} SET DEFAULT {value}"))
        undo.append(f"{column} {f'SET DEFAULT {given}' if given else 'DROP DEFAULT'}")
    return undo


async def _execute(connection: AsyncConnection, statements: Iterable[str]) -> None:
    for each in statements:
        # Not text(): a colon in a default is no parameter.
        await connection.exec_driver_sql(each)


async def _advance_sequences(
    connection: AsyncConnection, table: str, columns: Sequence[str]
) -> None:
    for column in columns:
        values = {"table": quoted(table), "column": column}
        sequence = await connection.scalar(_SEQUENCE, values)
        if sequence is not None:
            newest = f"SELECT setval(:sequence, max({quoted(column)})) FROM {quoted(table)}"  # noqa: S608
            await connection.execute(text(newest), {"sequence": sequence})
