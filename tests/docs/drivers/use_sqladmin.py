"""Goes on with the program of docs/how-to/use-sqladmin.md."""

from collections.abc import Mapping
from typing import Any

import httpx2


async def use(page: Mapping[str, Any]) -> None:
    """Look at the list, and add to it."""
    transport = httpx2.ASGITransport(page["app"])
    async with (
        page["database"],
        httpx2.AsyncClient(transport=transport, base_url="http://test/admin") as client,
    ):
        created = await client.post("/plant/create", data={"name": "moss"})
        listed = await client.get("/plant/list")
        staff = await client.get("http://test/staff/plant/list", follow_redirects=True)

    assert created.status_code == 302
    assert staff.status_code == 200
    assert "fern" in listed.text
    assert "moss" in listed.text
