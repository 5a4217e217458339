"""A limit on request bodies, announced (`Content-Length`) or not (chunked)."""

from collections.abc import Mapping

from fastapi import HTTPException
from starlette.types import Message, Receive, Scope

from wellhead.fastapi import problem_response


class BodyLimit:
    """Refuses a body that is larger than allowed, before reading it if the size is announced.

    FastAPI's own limit responds in plain text; this one responds with a problem document.

    Args:
        limit: The largest body in bytes.

    Attributes:
        refusal: The response to a body that is announced as too large.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._detail = f"The request body may have at most {limit} bytes."
        self.refusal = problem_response(413, detail=self._detail)

    def bound(
        self, receive: Receive, scope: Scope, headers: Mapping[bytes, bytes]
    ) -> Receive | None:
        """Return the function to read the body with, or None if it is announced as too large.

        Only a body of unannounced size is counted; a server passes on no more of one than
        `Content-Length` says.

        Args:
            receive: The server's `receive`.
            scope: The request's ASGI scope.
            headers: The headers of the request by name.
        """
        announced = headers.get(b"content-length")
        if announced is None:
            # Without it, HTTP/1.1 has only chunked bodies, and HTTP/2 bodies of any size.
            is_known = scope["http_version"].startswith("1")
        elif (is_known := announced.isdigit()) and int(announced) > self._limit:
            return None
        if is_known and b"transfer-encoding" not in headers:
            return receive
        return self._counted(receive)

    def _counted(self, receive: Receive) -> Receive:
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                # FastAPI passes on an HTTPException while it reads a body; anything else from
                # here would become "400, there was an error parsing the body".
                raise HTTPException(status_code=413, detail=self._detail)
            return message

        return receive_counted
