"""Logs in with a token that a stand-in for the cloud's client signs."""

import os
from typing import Any

from sqlmodel import text

from wellhead import Database, DatabaseSettings, PostgresURL


async def use(page: dict[str, Any]) -> None:
    stored = PostgresURL.parse(os.environ["DATABASE_URL"])
    asked: list[dict[str, object]] = []

    class Client:
        def generate_db_auth_token(self, **arguments: object) -> str | None:
            asked.append(arguments)
            return stored.password

    without = os.environ["DATABASE_URL"].replace(f":{stored.password}@", "@")
    sign = page["iam_token"](Client())
    async with (
        Database(DatabaseSettings(url=without), credentials=sign) as database,
        database.reader() as reader,
    ):
        assert (await reader.exec(text("SELECT 1"))).scalar_one() == 1
    host = stored.hosts[0]
    expected = {"DBHostname": host.name, "Port": host.port, "DBUsername": stored.user}
    assert asked == [expected]
    assert page["verified"]().settings.url.sslmode == "verify-full"
