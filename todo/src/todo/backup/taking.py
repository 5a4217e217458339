"""Takes a backup: every table of the application, as one snapshot of the database has it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from todo import __version__
from todo.backup.archive import ArchiveWriter, Manifest, TableRows, new_file
from todo.backup.copying import UNLIMITED, copy_out, quoted
from todo.backup.errors import BackupError, telling
from todo.models import utc_now
from todo.schema import program_migrations
from todo.tables import metadata
from wellhead import Database, DatabaseSettings
from wellhead.migrations import direct_settings

VERSION_TABLE = "alembic_version"
"""Where Alembic writes down the revision that a database is at."""

OF_TRANSACTION = "_xid"
"""The end of the names of columns that hold the id of a transaction, which means nothing in another
database: they are not copied, and get the id of the transaction that restores them."""

_TABLES = text("""
    SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename
""")

_COLUMNS = text("""
    SELECT class.relname, attribute.attname
    FROM pg_class AS class JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid
    WHERE class.relnamespace = current_schema()::regnamespace
        AND attribute.attnum > 0 AND NOT attribute.attisdropped AND attribute.attgenerated = ''
    ORDER BY attribute.attnum
""")

# As pg_dump sets them: text that any server reads the same, and no row hidden by a policy.
_SETTINGS = (
    *UNLIMITED,
    "SET LOCAL datestyle = 'ISO'",
    "SET LOCAL intervalstyle = 'postgres'",
    "SET LOCAL extra_float_digits = 3",
    "SET LOCAL row_security = off",
)


async def take_backup(
    settings: DatabaseSettings, path: Path, *, overwrite: bool = False
) -> tuple[Manifest, Sequence[str]]:
    """Write a backup of the database to a file, while others read and write.

    It holds what had been committed when it began. Until it ends, no table can be migrated.

    Args:
        settings: The database; past a pooler, its direct address is used.
        path: The file, which has that name only once it is complete.
        overwrite: Whether to replace a file of that name.

    Returns:
        What was written, and the names of tables that are not the application's and are left out.

    Raises:
        BackupError: None was written, and a file of that name is as it was.
        ConnectError: The same; the database cannot be reached.
        URLError: The same; only a pooler's address is known.
    """
    direct = direct_settings(settings, purpose="todo backup")
    with telling("No backup was written."), new_file(path, overwrite=overwrite) as file:
        async with Database(direct) as database, database.engine.connect() as connection:
            present = await _present(connection)
            await connection.rollback()
            await connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            async with connection.begin():
                manifest = await _write(connection, present, ArchiveWriter(file))
    ours = {table.name for table in manifest.tables} | {VERSION_TABLE}
    return manifest, [name for name in present if name not in ours]


async def _present(connection: AsyncConnection) -> list[str]:
    return list(await connection.scalars(_TABLES))


async def _write(
    connection: AsyncConnection, present: Sequence[str], writer: ArchiveWriter
) -> Manifest:
    ordered = [table.name for table in metadata.sorted_tables if table.name in present]
    if not ordered:
        raise BackupError("There is nothing to back up: the database has no tables.")
    # The first query makes the snapshot. A migration that commits after it and before a table is
    # locked could leave that table empty for the snapshot; so all of them are locked before.
    names = ", ".join(map(quoted, ordered))
    await connection.execute(text(f"LOCK TABLE {names} IN ACCESS SHARE MODE"))
    for setting in _SETTINGS:
        await connection.execute(text(setting))
    created_at = utc_now()
    if await _present(connection) != present:
        raise BackupError("The database was migrated meanwhile; take the backup again.")
    revision = await _revision(connection)
    columns = await _columns(connection)
    tables = []
    for name in ordered:
        began = writer.size
        rows = await copy_out(connection, name, columns[name], writer.write)
        size = writer.size - began
        tables.append(TableRows(name=name, columns=columns[name], rows=rows, size=size))
    manifest = Manifest(
        revision=revision,
        created_at=created_at,
        app_version=__version__,
        server_version=await connection.scalar(text("SHOW server_version")),
        tables=tuple(tables),
    )
    writer.finish(manifest)
    return manifest


async def _revision(connection: AsyncConnection) -> str:
    state = await program_migrations().read_state(connection)
    if state.position == "ahead":
        raise BackupError(f"The schema is {state}. Use the program that has migrated it.")
    if not state.current:
        raise BackupError(f"The schema is {state}. Nothing tells what the tables are.")
    return state.current[0]


async def _columns(connection: AsyncConnection) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for table, column in await connection.execute(_COLUMNS):
        if not column.endswith(OF_TRANSACTION):
            found[table] = (*found.get(table, ()), column)
    return found
