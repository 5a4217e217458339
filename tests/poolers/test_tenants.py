"""Settings of a tenant behind a real pooler, which lends its connections to everybody in turn."""

import asyncio

from sqlalchemy import func, text
from sqlmodel import select

from wellhead import Database, DatabaseSettings

NOW = select(func.current_setting("app.tenant", True))


async def test_a_tenants_setting_reaches_no_other_reader_or_session(pooled_url: str) -> None:
    async def as_tenant(name: str) -> None:
        async with database.reader() as reader:
            reader.set_local({"app.tenant": name})
            for statement in (NOW, text("SELECT current_setting('app.tenant', true)"), NOW):
                assert (await reader.execute(statement)).scalar_one() == name
        async with database.session() as session:
            await session.exec(select(func.set_config("app.tenant", name, True)))
            assert (await session.exec(NOW)).one() == name

    async def as_nobody() -> None:
        async with database.reader() as reader:
            assert (await reader.exec(NOW)).one() in (None, "")
        async with database.session() as session:
            assert (await session.exec(NOW)).one() in (None, "")

    async with Database(DatabaseSettings(url=pooled_url, pool_size=5)) as database:
        for _ in range(4):
            await asyncio.gather(*map(as_tenant, "abc"), *(as_nobody() for _ in range(3)))
