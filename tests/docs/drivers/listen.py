"""Listens by each driver, loses the connection, and listens again."""

import asyncio
from typing import Any

from sqlmodel import text

from wellhead import Database

END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'listener'"


async def use(page: dict[str, Any]) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    begun: asyncio.Queue[None] = asyncio.Queue()

    async def begin() -> None:
        begun.put_nowait(None)

    async with page["database"] as database:
        task = asyncio.create_task(page["listen"]("news", heard.put_nowait, begin))
        for words in ("first", "after a loss"):
            await asyncio.wait_for(begun.get(), 60)
            await page["say"]("news", words)
            assert await asyncio.wait_for(heard.get(), 60) == words
            async with database.session() as session:
                await session.exec(text(END))
        await asyncio.wait_for(begun.get(), 60)
        task.cancel()
        await asyncio.wait({task})
        await use_psycopg(page, heard)


async def use_psycopg(page: dict[str, Any], heard: "asyncio.Queue[str]") -> None:
    settings = page["listener_of"](page["database"].settings).settings
    url = settings.url.render(hide_password=False).replace("postgresql://", "postgresql+psycopg://")
    async with Database(settings.model_copy(update={"url": url})) as listener:
        work = page["listen_by_psycopg"](listener, "news", heard.put_nowait)
        task = asyncio.create_task(work)
        said = 0
        while heard.empty():
            assert not task.done()
            assert said < 6000
            said += 1
            await page["say"]("news", "to psycopg")
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})
    assert heard.get_nowait() == "to psycopg"
