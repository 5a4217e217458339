"""Sends requests to what is left of the tutorial's application."""

from typing import Any

from httpx2 import ASGITransport, AsyncClient
from sqlmodel import SQLModel


async def use(names: dict[str, Any]) -> None:
    app, database = names["app"], names["database"]
    async with database, database.engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://items.test") as client,
    ):
        made = await client.post("/items", json={"name": "lamp"})
        assert (made.status_code, made.json()["name"]) == (201, "lamp")
        # No route has called commit().
        assert (await client.get("/items")).json() == [made.json()]

        again = await client.post("/items", json={"id": made.json()["id"], "name": "again"})
        assert again.status_code == 409
        assert again.headers["content-type"] == "application/problem+json"
        assert (await client.get("/items")).json() == [made.json()]

        assert (await client.get("/health")).json()["status"] == "alive"
        assert (await client.get("/db/pool-status")).json()["total"] == 1
