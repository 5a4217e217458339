"""Uses the application of the README: writes a note, reads it, meets an error."""

from typing import Any

from httpx2 import ASGITransport, AsyncClient


async def use(page: dict[str, Any]) -> None:
    app, database, metadata = page["app"], page["database"], page["SQLModel"].metadata
    async with app.router.lifespan_context(app):
        async with database.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        transport = ASGITransport(app=app, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://notes.test") as client:
            written = await client.post("/notes", json={"text": "Buy bread"})
            assert written.status_code == 201, written.text
            assert (await client.get("/notes")).json() == [written.json()]
            refused = await client.post("/notes", json={})
            assert refused.status_code == 422
            assert [fault["field"] for fault in refused.json()["errors"]] == ["body.text"]
