"""What clients ask: whole HTTP requests of one user."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlencode
from uuid import UUID

from bench.todo_speed.person import Person


@dataclass
class Requests:
    """The requests of one person to one server, of which `routes` makes those of each route.

    Attributes:
        person: Who asks.
        task_ids: Their tasks.
        since: What they have read of the changes, as the server says it.
        refresh_tokens: Of logins of theirs, none of them used.
        deleted_ids: Of tasks that they had.
        numbers: Each is taken once.
    """

    person: Person
    task_ids: Sequence[UUID]
    since: str = ""
    refresh_tokens: Sequence[str] = ()
    deleted_ids: Sequence[UUID] = ()
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def mine(self) -> str:
        """The path of what is theirs."""
        return f"/api/{self.person.id}"

    @property
    def tasks(self) -> str:
        """The path of their tasks."""
        return f"{self.mine}/tasks"

    def message(
        self, method: str, path: str, body: object = None, *, token: str | None = None
    ) -> str:
        """A request with a JSON body, if any.

        Args:
            method: Of HTTP.
            path: And the query.
            body: What becomes JSON.
            token: In place of the access token.
        """
        bearer = f"Authorization: Bearer {token or self.person.token}"
        content = "" if body is None else json.dumps(body)
        return _message(method, path, [bearer], content, "application/json")

    def without_token(self, method: str, path: str, body: object = None) -> str:
        """The same without a token."""
        content = "" if body is None else json.dumps(body)
        return _message(method, path, [], content, "application/json")

    def login(self) -> str:
        """A login with the password."""
        form = urlencode({"username": self.person.email, "password": self.person.password})
        return _message("POST", "/api/auth/login", [], form, "application/x-www-form-urlencoded")


def _message(method: str, path: str, more: list[str], content: str, kind: str) -> str:
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", *more]
    if content:
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", content])
