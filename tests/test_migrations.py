"""Migrations: on the direct URL, one process at a time."""

import asyncio
import sys
from pathlib import Path

import asyncpg
import pytest

from wellhead import DatabaseSettings, URLError
from wellhead.migrations import downgrade, upgrade

ENV = """
from sqlmodel import SQLModel
from wellhead.migrations import run_env
run_env(SQLModel.metadata)
"""

REVISION = """
import sqlalchemy as sa
from alembic import op
revision = "0001"
down_revision = None
def upgrade():
    op.create_table("pond", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("SELECT pg_sleep(0.2)")
def downgrade():
    op.drop_table("pond")
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    folder = tmp_path / "100% scripts"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    (folder / "versions" / "0001_pond.py").write_text(REVISION)
    return folder


async def tables(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname='public'")
    finally:
        await connection.close()
    return sorted(row["tablename"] for row in rows)


async def test_the_schema_goes_up_and_down(scripts: Path, database_url: str) -> None:
    settings = DatabaseSettings(url=database_url)
    await asyncio.to_thread(upgrade, scripts, settings=settings)
    up = await tables(database_url)
    await asyncio.to_thread(downgrade, scripts, "base", settings=settings)
    down = await tables(database_url)

    assert up == ["alembic_version", "pond"]
    assert down == ["alembic_version"]


async def test_the_direct_url_is_the_one_that_is_migrated(scripts: Path, database_url: str) -> None:
    pooled = "postgresql://u:p@127.0.0.1:1/nowhere?pgbouncer=true"
    settings = DatabaseSettings(url=pooled, url_direct=database_url)
    await asyncio.to_thread(upgrade, scripts, settings=settings)

    assert "pond" in await tables(database_url)


async def test_a_pooler_without_a_direct_url_is_refused(scripts: Path) -> None:
    settings = DatabaseSettings(url="postgresql://u:p@127.0.0.1:1/nowhere?pgbouncer=true")

    with pytest.raises(URLError, match="direct"):
        await asyncio.to_thread(upgrade, scripts, settings=settings)


async def test_processes_that_start_together_migrate_once(scripts: Path, database_url: str) -> None:
    program = (
        "import sys; from pathlib import Path; from wellhead import DatabaseSettings; "
        "from wellhead.migrations import upgrade; "
        "upgrade(Path(sys.argv[1]), settings=DatabaseSettings(url=sys.argv[2]))"
    )
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(scripts), database_url
        )
        for _ in range(3)
    ]
    codes = await asyncio.gather(*(process.wait() for process in started))

    assert codes == [0, 0, 0]
    assert await tables(database_url) == ["alembic_version", "pond"]


async def test_a_limit_for_requests_does_not_cut_a_migration_short(
    scripts: Path, database_url: str
) -> None:
    settings = DatabaseSettings(url=database_url, command_timeout=0.1, statement_timeout=0.1)
    await asyncio.to_thread(upgrade, scripts, settings=settings)

    assert "pond" in await tables(database_url)
