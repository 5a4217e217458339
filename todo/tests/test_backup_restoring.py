"""A backup that is restored is the same data, and nothing else is ever left behind."""

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from backups import Rows, add_accounts, execute, names_in, rows_of, value

from tests.staging.databases import Databases
from todo.backup.archive import BLOCK, ArchiveWriter, Manifest, TableRows, new_file, open_archive
from todo.backup.copying import copy_in, copy_out
from todo.backup.errors import BackupError
from todo.backup.restoring import restore_backup
from todo.backup.taking import take_backup
from todo.models import utc_now
from todo.schema import program_migrations
from wellhead import DatabaseSettings
from wellhead.testing.proxy import TCPProxy

pytestmark = pytest.mark.wellhead(commit=True)


@pytest.fixture
def other_url(databases: Databases) -> Iterator[str]:
    """The URL of another database, empty."""
    url = databases.create()
    yield url
    databases.drop(url)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "todo.backup"


def settings_of(url: str, driver: str = "asyncpg") -> DatabaseSettings:
    return DatabaseSettings(url=url.replace("postgresql://", f"postgresql+{driver}://"))


async def restore(url: str, path: Path, **options: bool) -> Manifest:
    return await asyncio.to_thread(restore_backup, settings_of(url), path, **options)


async def migrate(url: str, revision: str = "head") -> None:
    await asyncio.to_thread(program_migrations(settings_of(url)).upgrade, revision)


def is_empty(rows: Rows) -> bool:
    return not any(rows.values())


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_an_empty_database_gets_the_schema_and_each_row(
    wellhead_url: str, other_url: str, path: Path, driver: str
) -> None:
    await add_accounts(wellhead_url, count=3, tasks=4)
    taken, _ = await take_backup(settings_of(wellhead_url, driver), path)

    restored = await asyncio.to_thread(restore_backup, settings_of(other_url, driver), path)

    assert (restored, restored.rows) == (taken, 15)
    assert await rows_of(other_url) == await rows_of(wellhead_url)


async def test_so_does_one_that_was_migrated(wellhead_url: str, other_url: str, path: Path) -> None:
    await add_accounts(wellhead_url, count=1, tasks=1)
    await take_backup(settings_of(wellhead_url), path)
    await migrate(other_url)

    await restore(other_url, path)

    assert await rows_of(other_url) == await rows_of(wellhead_url)


async def test_one_of_an_older_program_is_migrated_once_its_rows_are_there(
    database_url: str, other_url: str, path: Path
) -> None:
    await migrate(database_url, "0003")
    await execute(
        database_url,
        "INSERT INTO users (id, email, password_hash, created_at, updated_at) "
        "VALUES (gen_random_uuid(), 'Ada@Example.com', 'x', now(), now())",
    )
    await take_backup(settings_of(database_url), path)

    await restore(other_url, path)
    await migrate(database_url)

    assert await rows_of(other_url) == await rows_of(database_url)
    assert not is_empty(await rows_of(other_url))


async def test_rows_that_cannot_be_migrated_are_there_as_they_were(
    database_url: str, other_url: str, path: Path
) -> None:
    await migrate(database_url, "0003")
    # Two accounts then; one address now.
    await execute(
        database_url,
        "INSERT INTO users (id, email, password_hash, created_at, updated_at) "
        "VALUES (gen_random_uuid(), 'straße@example.com', 'x', now(), now()), "
        "(gen_random_uuid(), 'strasse@example.com', 'x', now(), now())",
    )
    await take_backup(settings_of(database_url), path)

    with pytest.raises(BackupError, match=r"All rows were restored, at revision 0003, and then"):
        await restore(other_url, path)
    await execute(other_url, "DELETE FROM users WHERE email LIKE 'strasse%'")
    await migrate(other_url)

    assert await value(other_url, "SELECT email FROM users") == "straße@example.com"


async def test_rows_that_are_there_stay(wellhead_url: str, other_url: str, path: Path) -> None:
    await take_backup(settings_of(wellhead_url), path)
    await migrate(other_url)
    await add_accounts(other_url, count=1, tasks=1)
    before = await rows_of(other_url)

    with pytest.raises(BackupError, match=r"not empty: users has rows.*Nothing was changed"):
        await restore(other_url, path)
    assert await rows_of(other_url) == before


async def test_rows_that_are_there_are_replaced_where_that_is_told(
    wellhead_url: str, other_url: str, path: Path
) -> None:
    await add_accounts(wellhead_url, count=1, tasks=2)
    await take_backup(settings_of(wellhead_url), path)
    await migrate(other_url)
    await add_accounts(other_url, count=2, tasks=1)

    await restore(other_url, path, replace=True)

    assert await rows_of(other_url) == await rows_of(wellhead_url)


async def test_a_database_at_another_revision_stays(
    wellhead_url: str, other_url: str, path: Path
) -> None:
    await take_backup(settings_of(wellhead_url), path)
    await migrate(other_url, "0001")

    with pytest.raises(BackupError, match=r"and the database is at 0001. Restore into an empty"):
        await restore(other_url, path)
    assert await value(other_url, "SELECT version_num FROM alembic_version") == "0001"


def forge(path: Path, *, revision: str, users: bytes, rows: int = 1) -> None:
    """Write an archive that is whole, whatever it says."""
    columns = ("id", "email", "email_folded", "password_hash", "created_at", "updated_at")
    with new_file(path, overwrite=False) as file:
        writer = ArchiveWriter(file)
        writer.write(users)
        table = TableRows(name="users", columns=columns, rows=rows, size=len(users))
        manifest = Manifest(
            revision=revision,
            created_at=utc_now(),
            app_version="9.9.9",
            server_version="17.10",
            tables=(table,),
        )
        writer.finish(manifest)


async def test_a_backup_of_a_newer_program_changes_nothing(other_url: str, path: Path) -> None:
    forge(path, revision="9999", users=b"")

    with pytest.raises(BackupError, match="revision 9999, which this program does not know"):
        await restore(other_url, path)
    assert await value(other_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


USER = b"00000000-0000-0000-0000-00000000000%d\ta@b.c\ta@b.c\tx\tnow\tnow\n"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (USER % 1 + USER % 2, r"Nothing was restored.*\(unique, SQLSTATE 23505\)"),
        (USER % 1 + b"not a row\n", r"Nothing was restored.*\(invalid_data, SQLSTATE 22P"),
        (USER % 1, "users has 2 rows in the file, and 1 were loaded. Nothing was restored"),
    ],
)
async def test_a_row_that_cannot_be_loaded_leaves_none(
    wellhead_url: str, path: Path, rows: bytes, reason: str
) -> None:
    revision = await value(wellhead_url, "SELECT version_num FROM alembic_version")
    forge(path, revision=revision, users=rows, rows=2)

    with pytest.raises(BackupError, match=reason):
        await restore(wellhead_url, path)
    assert is_empty(await rows_of(wellhead_url))


def damage(path: Path) -> None:
    """Change one byte of the rows."""
    path.write_bytes(path.read_bytes().replace(b"person0", b"person1"))


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("number", [1, 2])
async def test_a_connection_that_is_lost_leaves_nothing_by_halves(
    wellhead_url: str,
    other_url: str,
    proxy: TCPProxy,
    path: Path,
    driver: str,
    number: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before this table of the backup, and then of what is restored from another one."""
    await add_accounts(wellhead_url, count=2, tasks=2)
    await take_backup(settings_of(wellhead_url), path)
    await migrate(other_url)
    counts = {copy_out: 0, copy_in: 0}

    def cut_before(copy: Callable[..., Awaitable[int]]) -> Callable[..., Awaitable[int]]:
        async def copied(*arguments: Any) -> int:
            counts[copy] += 1
            if counts[copy] == number:
                await proxy.cut()
            return await copy(*arguments)

        return copied

    monkeypatch.setattr("todo.backup.taking.copy_out", cut_before(copy_out))
    monkeypatch.setattr("todo.backup.restoring.copy_in", cut_before(copy_in))
    away = settings_of(behind(proxy, wellhead_url), driver)
    with pytest.raises(BackupError, match=r"No backup was written. .* lost. \(connection_lost"):
        await take_backup(away, path.with_name("second"))
    away = settings_of(behind(proxy, other_url), driver)
    with pytest.raises(BackupError, match=r"Nothing was restored. .* lost. \(connection_lost"):
        await asyncio.to_thread(restore_backup, away, path)

    assert names_in(path.parent) == [path.name]
    assert is_empty(await rows_of(other_url))


def behind(proxy: TCPProxy, url: str) -> str:
    """The URL of the same database through the network that breaks."""
    parts = urlsplit(url)
    place = f"{parts.username}:{parts.password}@{proxy.host}:{proxy.port}"
    return urlunsplit(parts._replace(netloc=place))


async def test_a_damaged_file_changes_nothing(
    wellhead_url: str, other_url: str, path: Path
) -> None:
    await add_accounts(wellhead_url, count=1, tasks=1)
    await take_backup(settings_of(wellhead_url), path)
    damage(path)

    with pytest.raises(BackupError, match="was changed or damaged"):
        await restore(other_url, path)
    assert await value(other_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


@pytest.mark.parametrize("given", ["7", None])
async def test_ids_of_transactions_become_that_of_the_restoring_one(
    wellhead_url: str, other_url: str, path: Path, given: str | None
) -> None:
    """They mean nothing in another database."""
    default = f"DEFAULT {given}" if given else ""
    added = (
        "ALTER TABLE users ADD COLUMN noted_xid bigint DEFAULT 7",
        "ALTER TABLE users DROP COLUMN noted_xid",
        f"ALTER TABLE users ADD COLUMN noted_xid bigint NOT NULL {default}",
        "ALTER TABLE tasks ADD COLUMN seen_xid xid8 NOT NULL DEFAULT '9'",
    )
    await execute(wellhead_url, *added[:2])
    await execute(wellhead_url, added[2], added[3])
    await migrate(other_url)
    await execute(other_url, *added[2:])
    if given:
        await add_accounts(wellhead_url, count=2, tasks=1)
    else:
        await execute(wellhead_url, "ALTER TABLE users ALTER COLUMN noted_xid SET DEFAULT 3")
        await add_accounts(wellhead_url, count=2, tasks=1)
    await take_backup(settings_of(wellhead_url), path)

    before = await value(other_url, "SELECT pg_current_xact_id()::text::bigint")
    await restore(other_url, path)
    after = await value(other_url, "SELECT pg_current_xact_id()::text::bigint")

    noted = await value(other_url, "SELECT array_agg(DISTINCT noted_xid) FROM users")
    seen = await value(other_url, "SELECT array_agg(DISTINCT seen_xid::text::bigint) FROM tasks")
    assert noted == seen
    assert len(noted) == 1
    assert before < noted[0] < after
    defaults = await value(
        other_url,
        "SELECT array_agg(column_default ORDER BY column_name) FROM information_schema.columns "
        "WHERE column_name IN ('noted_xid', 'seen_xid')",
    )
    assert defaults == [given, "'9'::xid8"]


async def test_numbers_that_the_database_gives_go_on_after_the_highest(
    wellhead_url: str, other_url: str, path: Path
) -> None:
    added = "ALTER TABLE users ADD COLUMN number int GENERATED ALWAYS AS IDENTITY"
    await migrate(other_url)
    await execute(wellhead_url, added)
    await execute(other_url, added)
    await add_accounts(wellhead_url, count=5, tasks=0)
    await take_backup(settings_of(wellhead_url), path)

    await restore(other_url, path)

    sequence = await value(other_url, "SELECT pg_get_serial_sequence('users', 'number')")
    assert await value(other_url, f"SELECT nextval('{sequence}')") == 6


@pytest.mark.slow
async def test_memory_does_not_grow_with_the_data(
    wellhead_url: str, other_url: str, path: Path
) -> None:
    await add_accounts(wellhead_url, count=1, tasks=4096)
    await execute(wellhead_url, "UPDATE tasks SET description = repeat('x', 9000)")
    tracemalloc.start()
    try:
        await take_backup(settings_of(wellhead_url), path)
        await restore(other_url, path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    with open_archive(path) as archive:
        blocks = [len(block) for _, blocks in archive.blocks() for block in blocks]
    assert sum(blocks) > 36_000_000
    assert max(blocks) == BLOCK
    # The staged network's part: it holds 4 MB each way.
    assert peak < 16_000_000
