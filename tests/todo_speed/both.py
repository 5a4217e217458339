"""The Todo API and the application by hand on one database, and what they tell alike."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2
from fastapi import FastAPI

from bench.faults.todo_service import KEY

Told = Mapping[str, Any]

PERSON = {"email": "bench@example.com", "password": "correct horse battery staple"}
SETTINGS = {
    "JWT_SECRET_KEY": KEY,
    "ARGON2_TIME_COST": "1",
    "ARGON2_MEMORY_KIB": "7168",
    "ARGON2_PARALLELISM": "1",
}
OF_ITS_OWN = {"id", "etag", "position", "created_at", "updated_at", "completed_at"}


@dataclass(frozen=True, slots=True)
class Both:
    """Both applications on one database, and a user who is logged in to both.

    Attributes:
        todo: Asks the Todo API.
        by_hand: Asks the other one.
        user_id: The user.
        tokens: Theirs.
    """

    todo: httpx2.AsyncClient
    by_hand: httpx2.AsyncClient
    user_id: str
    tokens: Mapping[str, str]

    @property
    def tasks(self) -> str:
        return f"/api/{self.user_id}/tasks"

    @property
    def clients(self) -> tuple[httpx2.AsyncClient, httpx2.AsyncClient]:
        return self.todo, self.by_hand

    async def task(self, **more: Any) -> str:
        """The path of a new task."""
        response = await self.todo.post(self.tasks, json={"title": "Water the plants", **more})
        assert response.status_code == 201, response.text
        return f"{self.tasks}/{response.json()['id']}"

    async def ask(self, method: str, path: str, **given: Any) -> tuple[Told, Told]:
        """What either tells."""
        todo, by_hand = [await client.request(method, path, **given) for client in self.clients]
        return told(todo), told(by_hand)


def told(response: httpx2.Response) -> Told:
    """What a response says, without what is each one's own."""
    headers = response.headers
    body = response.json()
    if "etag" in headers:
        assert headers["etag"] == body["etag"]
        assert headers["etag"].startswith('"')
    if "location" in headers:
        assert headers["location"].endswith(body["id"])
    if "link" in headers:
        assert body["next_cursor"] in headers["link"]
    return {
        "status": response.status_code,
        "type": headers["content-type"],
        "headers": {"etag", "location", "link", "www-authenticate"} & set(headers),
        "refused": headers.get("www-authenticate"),
        "body": common(body),
    }


def moment(name: str, value: Any) -> Any:
    """A member of a task, as a time if it is one: zeros at the end of a second may be left out."""
    is_time = name.endswith("_at") or name == "due_date"
    return datetime.fromisoformat(value) if is_time and value is not None else value


def read(task: dict[str, Any]) -> dict[str, Any]:
    """A task but for its tag."""
    return {name: moment(name, value) for name, value in task.items()} | {"etag": ""}


def common(body: Any) -> Any:
    """The part of a body in which both agree."""
    if isinstance(body, list):
        return [common(each) for each in body]
    if not isinstance(body, dict):
        return body
    if "errors" in body:
        return body | {"errors": sorted({fault["field"] for fault in body["errors"]})}
    return {
        name: ("its own" if value is not None else None)
        if name in OF_ITS_OWN or name in {"next_cursor", "next_since"}
        else common(moment(name, value))
        for name, value in body.items()
    }


async def serve(app: FastAPI, stack: AsyncExitStack) -> httpx2.AsyncClient:
    await stack.enter_async_context(app.router.lifespan_context(app))
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://bench")
    return await stack.enter_async_context(client)


def assert_alike(pair: tuple[Told, Told]) -> None:
    todo, by_hand = pair

    assert by_hand == todo
