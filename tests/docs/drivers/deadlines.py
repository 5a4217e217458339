"""Asks the routes of the page on deadlines, and runs its code."""

from typing import Any

from httpx2 import ASGITransport, AsyncClient


async def use(page: dict[str, Any]) -> None:
    app, database, metadata = page["app"], page["database"], page["SQLModel"].metadata
    async with app.router.lifespan_context(app):
        async with database.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        async with database.session() as session:
            session.add(page["Sale"](cents=1234))
        await page["nightly"]()
        transport = ASGITransport(app=app)
        async with AsyncClient(transport=transport, base_url="http://shop.test") as client:
            assert (await client.get("/shop/sales")).json() == [1200]
            assert (await client.get("/shop/report")).json() == 1200
