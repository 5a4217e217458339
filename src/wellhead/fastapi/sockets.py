"""Errors on a WebSocket, where an HTTP response is possible only before it is accepted."""

from fastapi import Response, WebSocket
from fastapi.requests import HTTPConnection
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketState

_REFUSED = 1008
_FAILED = 1011
_TRY_AGAIN_LATER = 1013


class ClosingFrame(Response):
    """The end of a WebSocket, with an RFC 6455 close code instead of an HTTP status."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close the connection."""
        del scope, receive
        await send({"type": "websocket.close", "code": _code_of(self)})


def fit(connection: HTTPConnection, response: Response) -> Response:
    """The response in a form that this connection can carry.

    An accepted WebSocket is closed: with 1013 if the response has ``Retry-After``, with 1011 for
    another server error, else with 1008. One that is not yet accepted is refused with the response
    itself, or without a body if the server cannot send one.
    """
    if not isinstance(connection, WebSocket):
        return response
    can_respond = "websocket.http.response" in connection.scope.get("extensions", {})
    if connection.application_state is WebSocketState.CONNECTING and can_respond:
        return response
    return ClosingFrame(status_code=response.status_code, headers=dict(response.headers))


def _code_of(response: Response) -> int:
    if "Retry-After" in response.headers:
        return _TRY_AGAIN_LATER
    return _FAILED if response.status_code >= 500 else _REFUSED  # noqa: PLR2004 - the HTTP status
