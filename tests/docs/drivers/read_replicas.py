"""Writes and reads by the page's application, whose replica is a standby."""

from typing import Any

from fastapi.testclient import TestClient
from sqlmodel import SQLModel


async def use(page: dict[str, Any]) -> None:
    database = page["database"]
    async with database, database.engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.drop_all)
        await connection.run_sync(SQLModel.metadata.create_all)
    with TestClient(page["app"], base_url="https://test") as client:
        for number, text in enumerate(["one", "two"]):
            assert client.post("/notes", json={"text": text}).status_code == 201
            response = client.get("/notes")
            assert [each["text"] for each in response.json()] == ["one", "two"][: number + 1]
            assert [each.startswith("wellhead-read-after-") for each in client.cookies] == [True]
    async with database:
        mark = await page["publish"]("three")
        assert [each.text for each in await page["process"](mark)] == ["one", "two", "three"]
        [stats] = database.replica_stats()
        assert stats.is_up
        assert stats.reads > 0
