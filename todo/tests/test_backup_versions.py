"""Data that one major version of PostgreSQL has made, carried over to another."""

import asyncio
from pathlib import Path

import pytest
from backups import add_accounts, rows_of

from todo.backup.restoring import restore_backup
from todo.backup.taking import take_backup
from todo.schema import program_migrations
from wellhead import DatabaseSettings
from wellhead.embedded import EmbeddedPostgres

# Debian's; the wheel for this Python has another version.
OTHERS = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


@pytest.mark.slow
@pytest.mark.skipif(not OTHERS, reason="the system has no PostgreSQL of its own")
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
