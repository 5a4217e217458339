"""Uses the application of the README: adds a book, adds it again, meets an error."""

from typing import Any

from httpx2 import ASGITransport, AsyncClient


async def use(page: dict[str, Any]) -> None:
    app, database, metadata = page["app"], page["database"], page["SQLModel"].metadata
    book = {"isbn": "978-0-14-044793-4", "title": "The Odyssey"}
    async with app.router.lifespan_context(app):
        async with database.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        transport = ASGITransport(app=app, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://books.test") as client:
            added = await client.post("/books", params=book)
            assert (added.status_code, added.json()) == (201, book)
            again = await client.post("/books", params=book)
            assert again.status_code == 409
            refused = await client.post("/books", params={"title": "The Iliad"})
            assert refused.status_code == 422
            assert [fault["field"] for fault in refused.json()["errors"]] == ["query.isbn"]
