"""What a client still says while its request is served: the rest of its body, or that it has gone.

ASGI tells of a client that hung up only to whoever asks for the next message, and a route at work
asks for none.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from starlette.types import Message, Receive, Scope

LISTEN_AFTER = 0.05
"""Seconds before a request is listened to, unless it asks; most are answered by then."""


class Listener:
    """Passes messages on, and listens for the end of the client's connection meanwhile.

    Of a body one piece is read ahead, so where an application leaves a long one unread, the end of
    the connection is not noticed. Of one that the client holds back until it is asked for, nothing
    is read before the application asks.

    Args:
        scope: The request's.
        receive: The server's.
        on_gone: Called when the client has gone.
        on_wait: Called when the request takes so long that it is listened to unasked.

    Attributes:
        begins_at: The event loop's time when that is; None for never.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        on_gone: Callable[[], None],
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        self._receive = receive
        self._on_gone = on_gone
        self._on_wait = on_wait
        self._listening: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.begins_at: float | None = None
        # ASGI's names are in lower case, and may come only once.
        headers = scope["headers"] = list(scope["headers"])
        if b"expect" not in dict(headers):
            loop = asyncio.get_running_loop()
            self.begins_at = loop.time() + LISTEN_AFTER
            self._timer = loop.call_at(self.begins_at, self._begin)

    async def receive(self) -> Message:
        """The next message, as ASGI defines it."""
        self._start()
        # Starlette asks and gives up at once: what comes then is for the next who asks.
        await self._has_some.wait()
        first = self._held[0]
        if isinstance(first, Exception):
            raise first
        if first["type"] != "http.disconnect":
            self._held.popleft()
            self._wants_more.set()
            if not self._held:
                self._has_some.clear()
        return first

    def stop(self) -> None:
        """Listen no longer."""
        if self._timer is not None:
            self._timer.cancel()
        if self._listening is not None:
            self._listening.cancel()

    def _begin(self) -> None:
        self._on_wait()
        self._start()

    def _start(self) -> None:
        if self._listening is None:
            self._held: deque[Message | Exception] = deque()
            self._has_some, self._wants_more = asyncio.Event(), asyncio.Event()
            self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        has_whole_body = False
        while True:
            message = await self._next()
            self._wants_more.clear()
            self._held.append(message)
            self._has_some.set()
            if isinstance(message, Exception):
                return
            if message["type"] == "http.disconnect":
                self._on_gone()
                return
            # After a body only its client's end may come. A server that sends something else is not
            # asked again and again for it.
            if has_whole_body or message.get("more_body"):
                await self._wants_more.wait()
            has_whole_body = has_whole_body or not message.get("more_body")

    async def _next(self) -> Message | Exception:
        try:
            return await self._receive()
        except Exception as error:  # noqa: BLE001 - it goes to whoever asks
            return error
