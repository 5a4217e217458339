"""Uses each route of the page on row-level security, as a role that owns no table."""

import asyncio
from dataclasses import replace
from secrets import token_hex
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlmodel import SQLModel

from wellhead import Database, PostgresURL


async def use(page: dict[str, Any]) -> None:
    database, role = page["database"], f"app_{token_hex(4)}"
    owner = Database()
    url = owner.settings.url
    assert isinstance(url, PostgresURL)
    statements = [
        f"CREATE ROLE {role} LOGIN PASSWORD 'app'",
        *(grant.replace(" TO app", f" TO {role}") for grant in page["GRANTS"]),
        *page["POLICY"],
    ]
    async with owner, owner.engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
        for statement in statements:
            await connection.execute(text(statement))
    its = replace(url, user=role, password="app").render(hide_password=False)
    database.settings = database.settings.model_copy(
        update={"url": its, "pool_size": 1, "max_overflow": 0}
    )
    try:
        await asyncio.to_thread(use_routes, page)
    finally:
        async with owner, owner.engine.begin() as connection:
            await connection.execute(text(f"DROP OWNED BY {role}"))
            await connection.execute(text(f"DROP ROLE {role}"))


def use_routes(page: dict[str, Any]) -> None:
    with TestClient(page["app"], raise_server_exceptions=False) as client:
        ada, alan = ({"x-tenant": name} for name in ("ada", "alan"))
        number = client.post("/invoices?cents=5", headers=ada).json()["id"]
        assert client.post("/invoices?cents=7", headers=ada).status_code == 201
        assert client.post("/invoices?cents=1", headers=alan).status_code == 201
        assert client.get("/invoices", headers=ada).json() == [5, 7]
        assert client.get("/invoices", headers=alan).json() == [1]
        assert client.get("/invoices", headers={"x-tenant": ""}).json() == []
        assert client.post("/invoices/doubled", headers=alan).json() == 1
        assert client.get("/invoices", headers=ada).json() == [5, 7]
        assert client.get("/invoices", headers=alan).json() == [2]
        assert client.get(f"/invoices/{number}", headers=ada).json()["cents"] == 5
        assert client.get(f"/invoices/{number}", headers=alan).json() is None
        assert [client.get("/count", headers=each).json() for each in (ada, alan, ada)] == [2, 1, 2]
