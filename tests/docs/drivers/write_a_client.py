"""Uses the Python client of the page on a running service, over a network that loses responses."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from datetime import timedelta
from io import StringIO
from itertools import count
from typing import Any

import httpx2
import pytest

from tests.staging.server import serve
from todo.accounts.tokens import Tokens
from todo.main import create_app
from todo.schema import program_migrations
from todo.settings import Settings
from wellhead import Database, DatabaseSettings

EMAIL, PASSWORD = "ada@example.com", "correct horse battery staple"
THREADS = 4


class Lossy(httpx2.HTTPTransport):
    """Counts requests, and loses the response to the next one with each of these paths."""

    def __init__(self) -> None:
        super().__init__()
        self.to_lose: list[str] = []
        self.sent = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        self.sent += 1
        if request.url.path in self.to_lose:
            self.to_lose.remove(request.url.path)
            response.close()
            raise httpx2.ReadError("lost")
        return response


async def use(page: dict[str, Any]) -> None:
    database = Database(DatabaseSettings(url=os.environ["DATABASE_URL"]))
    await asyncio.to_thread(program_migrations(database.settings).upgrade)
    app = create_app(Settings(jwt_secret_key="0123456789abcdefghijklmnopqrstuvwxyz"), database)
    async with serve(app) as base_url:
        await asyncio.to_thread(use_all, page, base_url, app.state.tokens)


def use_all(page: dict[str, Any], base_url: str, tokens: Tokens) -> None:
    transport = Lossy()
    with httpx2.Client(base_url=base_url, transport=transport) as http:
        body = {"email": EMAIL, "password": PASSWORD}
        assert http.post("/api/auth/register", json=body).status_code == 201
        printed = StringIO()
        with redirect_stdout(printed):
            page["main"](base_url, EMAIL, PASSWORD)
        assert printed.getvalue() == "Buy oat milk\n"
        todo = page["Todo"].log_in(http, EMAIL, PASSWORD)

        def expire() -> None:
            tokens.now = lambda now=tokens.now: now() + timedelta(minutes=20)  # type: ignore[misc]

        write(todo, transport)
        read(todo, http)
        refresh(todo, transport, expire)
        fail(page, http)


def write(todo: Any, transport: Lossy) -> None:
    """What is sent twice is done once, and a change that comes too late not at all."""
    transport.to_lose.append("/api/me/tasks")
    milk = todo.create("milk", title="Buy milk", tags=["home"])
    assert transport.to_lose == []
    assert todo.create("milk", title="Buy milk", tags=["home"]) == milk
    for title in ("Buy bread", "Buy tea"):
        todo.create(title, title=title, tags=["home"])
    todo.update()
    assert todo.change(milk, title="Buy soy milk")["title"] == "Buy soy milk"
    assert todo.change(milk, title="Buy rice milk") is None
    todo.update()
    assert todo.copy[milk["id"]]["title"] == "Buy soy milk"


def read(todo: Any, http: httpx2.Client) -> None:
    """The pages of a list, and a copy that follows a deletion."""
    titles = [task["title"] for task in todo.open_tasks("home", limit=2)]
    assert titles == ["Buy tea", "Buy bread", "Buy soy milk"]
    known = len(todo.copy)
    gone = next(todo.open_tasks("home"))
    http.delete(f"/api/me/tasks/{gone['id']}", auth=todo.login)
    todo.update()
    assert len(todo.copy) == known - 1
    assert todo.change(gone, title="Too late") is None


def refresh(todo: Any, transport: Lossy, expire: Callable[[], None]) -> None:
    """Requests of many threads share one exchange, of which the response is lost."""
    expire()
    transport.to_lose.append("/api/auth/refresh")
    transport.sent = 0
    numbers = count()
    with ThreadPoolExecutor(THREADS) as threads:
        futures = [
            threads.submit(lambda: todo.create(f"late {next(numbers)}", title="Late"))
            for _ in range(THREADS)
        ]
    assert {future.result()["title"] for future in futures} == {"Late"}
    assert transport.to_lose == []
    # At most a request that is refused and repeated for each thread, and one exchange sent twice.
    assert transport.sent <= 2 * THREADS + 2
    expire()
    todo.update()


def fail(page: dict[str, Any], http: httpx2.Client) -> None:
    """An error says what it is, by field as well."""
    with pytest.raises(page["Problem"]) as refused:
        page["Todo"].log_in(http, EMAIL, "wrong")
    assert (refused.value.status, refused.value.type) == (401, "urn:todo:login-failed")
    todo = page["Todo"].log_in(http, EMAIL, PASSWORD)
    with pytest.raises(page["Problem"]) as invalid:
        todo.create("none", title="")
    assert invalid.value.status == 422
    assert invalid.value.errors[0]["field"].endswith("title")
