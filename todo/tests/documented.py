"""Compares the problems that tests meet with those of the application's document."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from todo.main import create_app
from todo.settings import Settings
from wellhead import Database, DatabaseSettings
from wellhead.fastapi import PROBLEM_JSON

Json = dict[str, Any]

NOWHERE = "postgresql://nobody@localhost/nowhere"


@cache
def document() -> Json:
    """The document of the application as it comes."""
    settings = Settings(jwt_secret_key="0123456789abcdefghijklmnopqrstuvwxyz-for-a-document")
    app = create_app(settings, Database(DatabaseSettings(url=NOWHERE)))
    return app.openapi()


@cache
def types_by_operation() -> Mapping[tuple[str, str], Mapping[int, frozenset[str]]]:
    """The types of problems of each method and path, by status."""
    schemas = document()["components"]["schemas"]

    def types_of(response: Json) -> frozenset[str]:
        reference: str = response["content"][PROBLEM_JSON]["schema"]["$ref"]
        only = schemas[reference.rsplit("/", 1)[1]]["allOf"][1]
        return frozenset(only["properties"]["type"]["enum"])

    return {
        (method.upper(), path): {
            int(status): types_of(response)
            for status, response in operation["responses"].items()
            if PROBLEM_JSON in response.get("content", {})
        }
        for path, item in document()["paths"].items()
        for method, operation in item.items()
    }


class ComparedWithDocument:
    """Passes requests on, and fails where a problem has a type that its operation does not list.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, as ASGI defines it."""
        status, body = 0, b""

        async def send_noted(message: Message) -> None:
            nonlocal status, body
            if message["type"] == "http.response.start":
                is_problem = (b"content-type", PROBLEM_JSON.encode()) in message["headers"]
                status = message["status"] if is_problem else 0
            elif status:
                body += message.get("body", b"")
            await send(message)

        await self._app(scope, receive, send_noted)
        if status:
            compare(scope, status, json.loads(body)["type"])


def compare(scope: Scope, status: int, kind: str) -> None:
    """Check that the operation of a request lists this type for this status.

    Raises:
        AssertionError: It does not.
    """
    operation = scope["method"], getattr(scope.get("route"), "path", "")
    documented = types_by_operation().get(operation, {})
    # Not in the document, of any operation: 405, and 500.
    if status in documented:
        assert kind in documented[status], (
            f"{operation} responded with {status} {kind}: name it in todo.web.error_types.KINDS"
        )
