"""How many rows the statements of a request read, by the plans that PostgreSQL really used."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

Ask = Callable[[], Awaitable[object]]

_PRELOAD = "ALTER DATABASE \"{name}\" SET session_preload_libraries = 'auto_explain'"
_SETTINGS = {
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    # The last, as the server may read its file for another reason before all are in it.
    "auto_explain.log_min_duration": "0",
}
_PLAN = re.compile(r" plan:\n((?:\t.*\n)+)")
_WITHIN = 30.0


def has_auto_explain(bin_dir: Path) -> bool:
    """Whether the server whose programs are there can write its plans into its log."""
    return any(bin_dir.parent.rglob("auto_explain.*"))


async def preload(admin: asyncpg.Connection, database: str) -> None:
    """Let connections to a database have auto_explain at hand, which writes nothing yet."""
    await admin.execute(_PRELOAD.format(name=database))


class Plans:
    """The plans in the log of a server.

    Args:
        log: The server's.
    """

    def __init__(self, log: Path) -> None:
        self._log = log

    @asynccontextmanager
    async def written(self, admin: asyncpg.Connection, ask: Ask) -> AsyncIterator[None]:
        """Have plans written in the block.

        Args:
            admin: A superuser's connection.
            ask: Makes an application send any statement to a database that was preloaded.

        Raises:
            TimeoutError: None is written.
        """
        await admin.execute("LOAD 'auto_explain'")
        for name, value in _SETTINGS.items():
            await admin.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        begin = self._log.stat().st_size
        await admin.execute("SELECT pg_reload_conf()")
        try:
            async with asyncio.timeout(_WITHIN):
                await ask()
                while not list(self._plans(begin)):
                    await ask()
            yield
        finally:
            for name in reversed(_SETTINGS):
                await admin.execute(f"ALTER SYSTEM RESET {name}")
            await admin.execute("SELECT pg_reload_conf()")

    async def rows_of(self, ask: Ask) -> int:
        """The rows that are read for one request, those that a filter threw away included.

        Args:
            ask: Sends the request.
        """
        begin = self._log.stat().st_size
        await ask()
        return round(sum(map(rows_read, self._plans(begin))))

    def _plans(self, begin: int) -> Iterator[dict[str, Any]]:
        with self._log.open("rb") as file:
            file.seek(begin)
            text = file.read().decode(errors="replace")
        for found in _PLAN.finditer(text):
            plan: dict[str, Any] = json.loads(found[1])["Plan"]
            yield plan


def rows_read(plan: dict[str, Any]) -> float:
    """The rows that a plan read from tables."""
    rows = sum(map(rows_read, plan.get("Plans", [])))
    if "Relation Name" in plan and plan["Node Type"] != "ModifyTable":
        kept, removed = plan["Actual Rows"], plan.get("Rows Removed by Filter", 0)
        removed += plan.get("Rows Removed by Index Recheck", 0)
        rows += (kept + removed) * plan["Actual Loops"]
    return rows
