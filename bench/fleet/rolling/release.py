"""A release with a change of the schema: expand, both releases at once, contract."""

import asyncio
import sys
from pathlib import Path

from bench.faults.apps import TODO, Kind
from bench.faults.console import DATABASE, Console
from bench.fleet.fleet import Fleet
from bench.fleet.rolling.released.app import TABLE
from bench.fleet.rolling.step import Step
from wellhead import DatabaseSettings
from wellhead.migrations import Migrations

_SCRIPTS = Path(__file__).parent / "released" / "migrations"

_COMMAND = (
    *(sys.executable, "-m", "uvicorn", "--factory", "bench.fleet.rolling.released.app:create_app"),
    *("--port", "{port}"),
)

RELEASED = Kind(
    "an application in two releases",
    _COMMAND,
    _COMMAND,
    {name: value for name, value in TODO.environment.items() if name.startswith("DATABASE_")},
    "DATABASE_URL",
    TABLE,
    has_accounts=False,
    commit=b"",
)

UNLIKE = f"SELECT count(*) FROM {TABLE} WHERE search <> lower(concat_ws(' ', title, description))"  # noqa: S608 - a table of ours
"""Counts the tasks of which the second column does not say what the first do."""


class Released(Step):
    """The schema is widened, every process replaced by the next release, the schema narrowed."""

    name = "An application and its schema"

    async def inject(self, fleet: Fleet) -> None:
        await migrate_released(fleet.hosts_url, "0002")
        await self._applications.replace(RELEASE="2")
        await migrate_released(fleet.hosts_url, "0004")
        console = Console((await fleet.primary()).url)
        assert await console.ask(UNLIKE, database=DATABASE) == 0


async def migrate_released(url: str, revision: str) -> None:
    """Bring the schema of the application to a revision.

    Args:
        url: A way to the primary, past every pooler.
        revision: ``0001`` for the first release, ``0002`` for both, ``0004`` for the second.
    """
    migrations = Migrations(_SCRIPTS, settings=DatabaseSettings(url=url))
    await asyncio.to_thread(migrations.upgrade, revision)
