"""Every client sees what it wrote, and never an older state: it carries what it has seen.

A browser does so in a cookie, and any other client in a header that it sends back. Pure ASGI, and
only in applications with replicas.
"""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wellhead.database import Database
from wellhead.errors import ConfigurationError
from wellhead.replicas import Client, Seen, as_client
from wellhead.replicas.signed_marks import Carried, SignedMarks

COOKIE = "wellhead-read-after"
"""The cookie of browsers."""

HEADER = "Wellhead-Read-After"
"""The header of a response that other clients send with their next requests."""

LIFETIME = 60.0
"""Seconds for which they are valid, in addition to ``replica_max_lag``: every replica that gets
reads has replayed by then what the client has seen."""

_RENEW_AFTER = LIFETIME / 2


class ReadAfter:
    """Lets each request read after what its client has seen, and tells the client what it saw.

    Args:
        app: The application that it wraps.
        databases: Those of the application, by name.
        tokens: Signs and checks what clients carry.
        max_age: Seconds for which a cookie is valid.
    """

    def __init__(
        self,
        app: ASGIApp,
        databases: Mapping[str, Database[Any]],
        tokens: SignedMarks,
        max_age: float,
    ) -> None:
        self._app = app
        self._databases = databases
        self._tokens = tokens
        self._max_age = max_age

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        client, carried = Client(), self._carried(Headers(scope=scope))
        if carried is not None:
            for name, mark in carried.marks.items():
                if name in self._databases:
                    client.put(self._databases[name].key, Seen.parse(mark))

        async def send_after(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._tell(client, carried, scope, message)
            await send(message)

        with as_client(client):
            await self._app(scope, receive, send_after)

    def _carried(self, headers: Headers) -> Carried | None:
        given = headers.get(HEADER)
        if given is None and COOKIE in headers.get("cookie", ""):
            given = cookie_parser(headers["cookie"]).get(COOKIE)
        return None if given is None else self._tokens.read(given)

    async def _tell(
        self, client: Client, carried: Carried | None, scope: Scope, message: Message
    ) -> None:
        marks = {}
        with as_client(client):
            for name, database in self._databases.items():
                if database.is_open and (mark := await database.mark()):
                    marks[name] = mark
        if not marks or (carried and carried.marks == marks and carried.age < _RENEW_AFTER):
            return
        token, headers = self._tokens.sign(marks), MutableHeaders(scope=message)
        headers[HEADER] = token
        attributes = f"Max-Age={self._max_age:.0f}; Path=/; HttpOnly; SameSite=Lax"
        if scope.get("scheme") == "https":
            attributes += "; Secure"
        headers.append("Set-Cookie", f"{COOKIE}={token}; {attributes}")


def read_after_for(databases: Mapping[str, Database[Any]]) -> dict[str, Any] | None:
    """The arguments of :class:`ReadAfter` for these databases; None if none has replicas.

    Raises:
        ConfigurationError: There is no key.
    """
    routed = {name: each for name, each in databases.items() if each.settings.replica_url}
    if not routed:
        return None
    settings = [each.settings for each in routed.values()]
    keys = [each.replica_key for each in settings if each.replica_key is not None]
    if not keys:
        variable = settings[0].variable_of("replica_key")
        raise ConfigurationError(
            f"The database has replicas, and {variable} is not set.",
            hint="Set it to the same value in all processes: python -c 'import secrets; "
            "print(secrets.token_urlsafe(48))'",
        )
    lifetime = LIFETIME + max(each.replica_max_lag for each in settings)
    tokens = SignedMarks(keys[0].get_secret_value(), lifetime=lifetime)
    return {"databases": routed, "tokens": tokens, "max_age": lifetime}
