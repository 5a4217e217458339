"""Migrates two schemas, and uses each route of the page on them by turns."""

import asyncio
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import text

ENV = """
from sqlmodel import SQLModel
from wellhead.migrations import run_env
run_env(SQLModel.metadata)
"""
FIRST = '''"""Make the table."""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0001", None
def upgrade():
    op.create_table(
        "part", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String)
    )
def downgrade():
    op.drop_table("part")
'''


def write_migrations() -> None:
    versions = Path("migrations", "versions")
    versions.mkdir(parents=True)
    Path("migrations", "env.py").write_text(ENV)
    (versions / "0001_part.py").write_text(FIRST)


async def use(page: dict[str, Any]) -> None:
    await asyncio.to_thread(write_migrations)
    await asyncio.to_thread(page["migrate_all"])
    await asyncio.to_thread(use_routes, page)
    database = page["database"]
    async with database:
        await page["rename_all"]("red", "crimson")
        async with database.session() as session:
            names = text("SELECT min(r.name), min(b.name) FROM red.part r, blue.part b")
            found = tuple((await session.exec(names)).one())
            places = await session.exec(
                text("SELECT schemaname FROM pg_tables WHERE tablename = 'alembic_version'")
            )
            assert sorted(places.scalars()) == ["blue", "red"]
    assert found == ("crimson", "bolt")


def use_routes(page: dict[str, Any]) -> None:
    with TestClient(page["app"], raise_server_exceptions=False) as client:
        red, blue = ({"x-tenant": name} for name in ("red", "blue"))
        assert client.post("/parts?name=nut", headers=red).json()["id"] == 1
        assert client.post("/parts?name=bolt", headers=blue).json()["id"] == 1
        for _ in range(4):
            assert client.get("/parts", headers=red).json() == ["nut"]
            assert client.get("/parts", headers=blue).json() == ["bolt"]
            assert client.get("/parts/1", headers=red).json()["name"] == "nut"
            assert client.get("/parts/1", headers=blue).json()["name"] == "bolt"
            assert client.get("/longest", headers=red).json() == "nut"
            assert client.get("/longest", headers=blue).json() == "bolt"
        assert client.post("/parts/1/copies", headers=blue).json() == 2
        assert client.get("/parts", headers=blue).json() == ["bolt", "bolt"]
        assert client.get("/parts", headers=red).json() == ["nut"]
        assert client.get("/parts", headers={"x-tenant": "x; DROP"}).status_code == 404
