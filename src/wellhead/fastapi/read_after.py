"""Every client sees what it wrote, and never an older state: it carries what it has seen.

A browser does so in cookies, and any other client in a header that it sends back. Pure ASGI, and
only in applications with replicas.

Responses to requests at the same time arrive in any order, and the last one must not overwrite what
another has said. So each sets a cookie of its own, and removes those that its request brought; a
request that brings several has seen all that they say.
"""

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wellhead.database import Database
from wellhead.errors import ConfigurationError
from wellhead.replicas import Client, Seen, as_client
from wellhead.replicas.signed_marks import Carried, SignedMarks

COOKIE = "wellhead-read-after-"
"""How the names of the cookies begin."""

HEADER = "Wellhead-Read-After"
"""The header of a response that other clients send with their next requests: that of the last one,
or those of several, separated by commas."""

LIFETIME = 60.0
"""Seconds for which they are valid, in addition to the longest lag of a replica that gets reads: it
has replayed by then what the client has seen."""

_RENEW_AFTER = LIFETIME / 2

_NAME = re.compile(rf"{COOKIE}[0-9a-f]{{8}}")

_MOST = 50
"""How many tokens of one request are looked at."""


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
        client, headers = Client(), Headers(scope=scope)
        cookies = _cookies_in(headers)
        carried = [each for each in map(self._tokens.read, _tokens_in(headers, cookies)) if each]
        for name, database in self._databases.items():
            marks = [each.marks[name] for each in carried if name in each.marks]
            if marks:
                client.put(database.key, Seen.parse(*marks))

        async def send_after(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._tell(client, carried, list(cookies), scope, message)
            await send(message)

        with as_client(client):
            await self._app(scope, receive, send_after)

    async def _tell(
        self,
        client: Client,
        carried: Sequence[Carried],
        cookies: Sequence[str],
        scope: Scope,
        message: Message,
    ) -> None:
        marks = {}
        with as_client(client):
            for name, database in self._databases.items():
                if database.is_open and (mark := await database.mark()):
                    marks[name] = mark
        if not marks or (
            len(carried) == 1 and carried[0].marks == marks and carried[0].age < _RENEW_AFTER
        ):
            return
        token, headers = self._tokens.sign(marks), MutableHeaders(scope=message)
        headers[HEADER] = token
        attributes = "Path=/; HttpOnly; SameSite=Lax"
        if scope.get("scheme") == "https":
            attributes += "; Secure"
        name = f"{COOKIE}{secrets.token_hex(4)}"
        headers.append("Set-Cookie", f"{name}={token}; Max-Age={self._max_age:.0f}; {attributes}")
        for each in cookies[:_MOST]:
            headers.append("Set-Cookie", f"{each}=; Max-Age=0; {attributes}")


def _cookies_in(headers: Headers) -> Mapping[str, str]:
    """Our cookies of a request, by name."""
    given = "; ".join(headers.getlist("cookie"))
    if COOKIE not in given:
        return {}
    return {name: each for name, each in cookie_parser(given).items() if _NAME.fullmatch(name)}


def _tokens_in(headers: Headers, cookies: Mapping[str, str]) -> Iterator[str]:
    """What a client brings, in its cookies and in the header."""
    given = [*cookies.values()]
    for each in headers.getlist(HEADER):
        given += [token.strip() for token in each.split(",")]
    yield from given[:_MOST]


def read_after_for(databases: Mapping[str, Database[Any]]) -> dict[str, Any] | None:
    """The arguments of :class:`ReadAfter` for these databases; None if none has replicas.

    Raises:
        ConfigurationError: There is no key.
    """
    routed = {name: each for name, each in databases.items() if each.settings.has_replicas}
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
    lifetime = LIFETIME + max(each.longest_replica_lag for each in settings)
    tokens = SignedMarks(keys[0].get_secret_value(), lifetime=lifetime)
    return {"databases": routed, "tokens": tokens, "max_age": lifetime}
