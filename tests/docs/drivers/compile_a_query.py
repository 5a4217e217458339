"""Uses each query of the page."""

from typing import Any

from fastapi.testclient import TestClient
from sqlmodel import SQLModel


async def use(page: dict[str, Any]) -> None:
    database = page["database"]
    async with database, database.engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    with TestClient(page["app"]) as client:
        made = client.post("/books", params={"title": "Emma", "shelf": 1})
        assert (made.status_code, made.json()["id"]) == (201, 1)
        assert client.get("/books/1").json() == {"id": 1, "title": "Emma"}
        assert client.get("/books/2").json() is None
        assert client.put("/books/1/lent", params={"lent": True}).json() == 1
    async with database:
        await page["rename"](1, "Persuasion")
        assert await page["titles"](shelves=[1, 2], lent=True) == ["Persuasion"]
        assert await page["titles"](lent=False) == []
        assert await page["move_all"](1, 3) == 2
        assert await page["titles"]() == ["Moving for beginners", "Persuasion"]
        assert await page["count"]() == [page["Shelf"](shelf=3, books=2)]
        assert await page["longest"]() == len("Moving for beginners")
