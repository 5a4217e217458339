"""Meets each error of the page on errors."""

from typing import Any

from httpx2 import ASGITransport, AsyncClient


async def use(page: dict[str, Any]) -> None:
    app, database, metadata = page["app"], page["database"], page["SQLModel"].metadata
    async with app.router.lifespan_context(app):
        async with database.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        transport = ASGITransport(app=app, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://users.test") as client:
            ada = {"email": "ada@example.com"}
            assert (await client.post("/users", json=ada)).status_code == 201
            again = await client.post("/users", json=ada)
            assert again.status_code == 409
            assert again.json()["detail"] == "This address has an account already."
            full = await client.post("/seats")
            assert full.headers["content-type"] == "application/problem+json"
            assert full.json() == {
                "type": "urn:example:out-of-seats",
                "title": "Every seat is taken.",
                "status": 409,
                "waiting": 3,
            }
            invalid = await client.post("/users", json={})
            assert [fault["field"] for fault in invalid.json()["errors"]] == ["body.email"]
        assert await page["add_user"](database, "grace@example.com") is True
        assert await page["add_user"](database, "grace@example.com") is False
