"""Sends the requests of the page's table, and looks at what each has left."""

from typing import Any

from httpx2 import ASGITransport, AsyncClient

from tests.docs.pages import page as page_of


async def use(page: dict[str, Any]) -> None:
    database, account = page["database"], page["Account"]
    transport = ASGITransport(page["app"], raise_app_exceptions=False)
    rows = [row for row in page_of("how-to/when-a-request-commits.md").rows() if "Route" in row]
    assert len(rows) == 14
    async with database, AsyncClient(transport=transport, base_url="http://test") as client:
        async with database.engine.begin() as connection:
            await connection.run_sync(account.metadata.create_all)
        async with database.session() as session:
            session.add(account(name="ada", password="right"))
        visits = 0
        for row in rows:
            response = await client.post(row["Route"])
            async with database.reader() as reader:
                counted = (await reader.get(account, "ada")).visits
            outcome = "committed" if counted > visits else "rolled back"
            assert (str(response.status_code), outcome) == (row["Status"], row["Its writes"]), row
            visits = counted
        assert visits == 6

        for number, (method, path) in enumerate((("POST", "/login"), ("GET", "/greeting")), 1):
            wrong = {"name": "ada", "password": "wrong"}
            assert (await client.request(method, path, params=wrong)).status_code == 401
            async with database.reader() as reader:
                assert (await reader.get(account, "ada")).failed_logins == number
        right = {"name": "ada", "password": "right"}
        assert (await client.get("/greeting", params=right)).json() == "Hello ada"
        assert (await client.post("/login", params=right)).json() == "Hello ada"
        nobody = {"name": "eve", "password": "right"}
        assert (await client.post("/login", params=nobody)).status_code == 401
        async with database.reader() as reader:
            assert (await reader.get(account, "ada")).failed_logins == 0
