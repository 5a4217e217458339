"""What the tests of tasks and tags say to the API, in one account's name."""

from typing import Any

from httpx2 import AsyncClient, Response
from staged import StagedAccount

Json = dict[str, Any]


class TaskAPI:
    """The paths below `/api/{user_id}` of one account."""

    def __init__(self, client: AsyncClient, account: StagedAccount) -> None:
        self.account = account
        self._client = client
        self._root = f"/api/{account.id}"

    async def send(
        self, method: str, path: str, *, if_match: str | None = None, **request: Any
    ) -> Response:
        """Send a request; `path` continues the account's own."""
        headers = {**self.account.headers, **request.pop("headers", {})}
        if if_match is not None:
            headers["If-Match"] = if_match
        return await self._client.request(method, self._root + path, headers=headers, **request)

    async def expect(self, status: int, method: str, path: str, **request: Any) -> Json:
        """Send a request whose answer must have this status, and return its body."""
        answer = await self.send(method, path, **request)
        assert answer.status_code == status, answer.text
        body: Json = answer.json() if answer.content else {}
        return body

    async def task(self, title: str = "Buy milk", **fields: Any) -> Json:
        """Create a task; a `key` among its fields becomes its `Idempotency-Key`."""
        headers = {"Idempotency-Key": fields.pop("key")} if "key" in fields else {}
        body = {"title": title, **fields}
        return await self.expect(201, "POST", "/tasks", json=body, headers=headers)

    async def tag(self, name: str = "work", **fields: Any) -> Json:
        """Create a tag."""
        return await self.expect(201, "POST", "/tags", json={"name": name, **fields})

    async def titles(self, **query: Any) -> list[str]:
        """The titles of a list of tasks."""
        page = await self.expect(200, "GET", "/tasks", params=query)
        return [item["title"] for item in page["items"]]

    async def field_faults(self, method: str, path: str, **request: Any) -> dict[str, str]:
        """The fields that a 422 names, and what is wrong with each."""
        problem = await self.expect(422, method, path, **request)
        return {fault["field"]: fault["message"] for fault in problem["errors"]}
