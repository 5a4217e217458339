"""Inserts 100,000 rows by each way of the page, and lets some fail."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from sqlalchemy import func
from sqlmodel import SQLModel, select

from wellhead import Database

MANY, FEW = 100_000, 10_000


def rows(count: int = MANY) -> Iterator[tuple[int, float]]:
    return ((number % 50, float(number)) for number in range(count))


async def use(page: dict[str, Any]) -> None:
    database, reading = page["database"], page["Reading"]

    async def count() -> int:
        async with page["database"].reader() as reader:
            found = await reader.exec(select(func.count()).select_from(reading))
            return int(found.one())

    async with database:
        async with database.engine.begin() as connection:
            await connection.run_sync(SQLModel.metadata.create_all)
        await page["insert_all"](rows(FEW))
        assert len(await page["insert_with_keys"](rows(3))) == 3
        await page["in_parts"](list(rows(25)), size=10)
        assert await count() == FEW + 28
        assert len(await page["values_of"](list(range(40_000)))) == FEW + 28
        await use_copy(page, "copy_by_asyncpg", count)
    psycopgs = str(database.settings.url.render(hide_password=False)).replace(
        "postgresql://", "postgresql+psycopg://"
    )
    page["database"] = Database(page["loading"]().model_copy(update={"url": psycopgs}))
    async with page["database"]:
        await use_copy(page, "copy_by_psycopg", count)
        assert page["database"].settings.command_timeout == 3600


async def use_copy(page: dict[str, Any], name: str, count: Any) -> None:
    copy, before = page[name], await count()
    await copy(rows())
    assert await count() == before + MANY
    opened = page["database"].stats().opened
    for fault in ("not a number", None):
        with suppress(Exception):
            await copy([(1, 1.0), (fault, 2.0)])
            raise AssertionError("nobody noticed")
    assert await count() == before + MANY
    assert page["database"].stats().opened == opened
