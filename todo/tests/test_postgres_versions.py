"""Other major versions of PostgreSQL: each that the system has runs, and exchanges its data."""

import asyncio
from functools import partial
from pathlib import Path

import pytest
from backups import add_accounts, rows_of
from following import interleave
from staged import add_account, client_of
from task_api import TaskAPI

from todo.backup.restoring import restore_backup
from todo.backup.taking import take_backup
from todo.main import create_app
from todo.schema import program_migrations
from todo.settings import Settings
from wellhead import Database, DatabaseSettings
from wellhead.embedded import EmbeddedPostgres

# Debian's; the wheel for this Python has another version.
OTHERS = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not OTHERS, reason="the system has no PostgreSQL of its own"),
]


@pytest.mark.parametrize("programs", [each.parent for each in OTHERS], ids=lambda at: at.parts[-2])
async def test_one_is_migrated_and_lists_each_change_however_late_it_commits(
    public_directory: Path, settings: Settings, programs: Path
) -> None:
    directory = public_directory / f"changes {programs.parts[-2]}"
    with EmbeddedPostgres(directory, bin_dir=programs, durable=False) as server:
        database = DatabaseSettings(url=server.url)
        migrations = program_migrations(database)
        down = partial(migrations.downgrade, "base")
        for migrate in (migrations.upgrade, down, migrations.upgrade):
            await asyncio.to_thread(migrate)
        app = create_app(settings, Database(database))
        async with app.router.lifespan_context(app), client_of(app) as client:
            await interleave(TaskAPI(client, await add_account(app)), server.url, range(5))


@pytest.mark.parametrize("direction", ["there", "back"])
async def test_a_backup_of_one_is_restored_in_another(
    public_directory: Path, tmp_path: Path, direction: str
) -> None:
    one = EmbeddedPostgres(public_directory / f"{direction} one", durable=False)
    other = EmbeddedPostgres(
        public_directory / f"{direction} other", bin_dir=OTHERS[-1].parent, durable=False
    )
    with one, other:
        source, target = (one, other) if direction == "there" else (other, one)
        migrations = program_migrations(DatabaseSettings(url=source.url))
        await asyncio.to_thread(migrations.upgrade)
        await add_accounts(source.url, count=3, tasks=5)
        await take_backup(DatabaseSettings(url=source.url), tmp_path / "b")
        await asyncio.to_thread(restore_backup, DatabaseSettings(url=target.url), tmp_path / "b")

        assert one.version.split(".")[0] != other.version.split(".")[0]
        assert await rows_of(target.url) == await rows_of(source.url)
