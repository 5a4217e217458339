"""Goes on with the program of docs/how-to/use-fastapi-users.md."""

from collections.abc import Mapping
from typing import Any

import httpx2

ADA = {"email": "ada@example.com", "password": "Gu3ssMe-not"}


async def use(page: Mapping[str, Any]) -> None:
    """Make an account and use it."""
    database = page["database"]
    transport = httpx2.ASGITransport(page["app"])
    async with database, httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        async with database.engine.begin() as connection:
            await connection.run_sync(page["Base"].metadata.create_all)
        assert (await client.post("/register", json=ADA)).status_code == 201
        form = {"username": ADA["email"], "password": ADA["password"]}
        token = (await client.post("/login", data=form)).json()["access_token"]
        greeting = await client.get("/greeting", headers={"Authorization": f"Bearer {token}"})

    assert greeting.json() == "Hello ada@example.com"
