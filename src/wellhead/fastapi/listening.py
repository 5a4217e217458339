"""What a client still says while its request is served: the rest of its body, or that it has gone.

ASGI tells of a client that hung up only to whoever asks for the next message, and a route at work
asks for none.
"""

import asyncio
from collections import deque
from contextvars import Context, copy_context
from typing import Protocol

from starlette.types import Message, Receive, Scope

LISTEN_AFTER = 0.25
"""Seconds before a request is listened to; most are answered by then, and need no task for it."""


class ListenTimer:
    """Lets listeners begin in time, with one timer of the event loop for all of them.

    asyncio keeps a timer that was cancelled until it would have rung, and compares it with all that
    are set meanwhile: one for each request takes longer than all else that a deadline does.

    Attributes:
        loop: The event loop whose it is.
    """

    __slots__ = ("_is_set", "_waiting", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waiting: dict[Listener, float] = {}
        self._is_set = False

    def start(self, listener: "Listener") -> float:
        """Let a listener begin when its time has come; returns the loop's time of that."""
        begins_at = self._waiting[listener] = self.loop.time() + LISTEN_AFTER
        if not self._is_set:
            self._set(begins_at)
        return begins_at

    def stop(self, listener: "Listener") -> None:
        """Forget a listener, which may have begun."""
        self._waiting.pop(listener, None)

    def _set(self, when: float) -> None:
        self._is_set = True
        self.loop.call_at(when, self._ring, context=Context())

    def _ring(self) -> None:
        self._is_set = False
        now = self.loop.time()
        due = []
        # They came in the order of their times.
        for listener, begins_at in self._waiting.items():
            if begins_at > now:
                self._set(begins_at)
                break
            due.append(listener)
        for listener in due:
            del self._waiting[listener]
            listener.begin()


class Watched(Protocol):
    """The work for a request."""

    def watch(self) -> None:
        """Called when it takes so long that the client is listened to unasked."""

    def gone(self) -> None:
        """Called when the client has gone."""


class Listener:
    """Passes messages on, and listens for the end of the client's connection when nobody asks.

    Of a body one piece is read ahead, so where an application leaves a long one unread, the end of
    the connection is not noticed. Of one that the client holds back until it is asked for, nothing
    is read before the application asks.

    Args:
        scope: The request's.
        receive: The server's.
        timer: The one of the running loop.
        work: Told of the client.

    Attributes:
        begins_at: The event loop's time when that is; None while the client holds its body back.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        timer: ListenTimer,
        work: Watched,
    ) -> None:
        self._receive = receive
        self._work = work
        self._timer = timer
        # A server may take what the context holds for granted where it is asked for a message.
        self._context = copy_context()
        self._listening: asyncio.Task[None] | None = None
        self._asking = 0
        self._is_due = self._has_whole_body = False
        self._end: Message | None = None
        self.begins_at: float | None = None
        # ASGI's names are in lower case, and may come only once.
        headers = scope["headers"] = list(scope["headers"])
        if b"expect" not in dict(headers):
            self.begins_at = timer.start(self)

    async def receive(self) -> Message:
        """The next message, as ASGI defines it."""
        if self._listening is not None:
            return await self._heard()
        if self._end is not None:
            return self._end
        if self.begins_at is None:
            self.begins_at = self._timer.start(self)
        self._asking += 1
        try:
            message = await self._receive()
            self._note(message)
        finally:
            self._asking -= 1
            if self._is_due:
                self._listen()
        if message["type"] == "http.disconnect":
            # Where its end cancels the task that asks, that is to happen here.
            await asyncio.sleep(0)
        return message

    def stop(self) -> None:
        """Listen no longer."""
        self._timer.stop(self)
        self._is_due = False
        if self._listening is not None:
            self._listening.cancel()
            # What a cycle holds waits for the collector.
            self._listening = None

    def begin(self) -> None:
        """Listen, though nobody asks; while somebody does, nobody else need listen."""
        self._work.watch()
        self._is_due = True
        self._listen()

    def _listen(self) -> None:
        if self._listening is None and self._end is None and not self._asking:
            self._held: deque[Message | Exception] = deque()
            self._has_some, self._wants_more = asyncio.Event(), asyncio.Event()
            self._listening = self._timer.loop.create_task(self._hold(), context=self._context)

    async def _heard(self) -> Message:
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

    async def _hold(self) -> None:
        message: Message | Exception
        while self._end is None:
            # After a body only its client's end may come. A server that sends something else is not
            # asked again and again for it.
            is_last = self._has_whole_body
            try:
                message = await self._receive()
                self._note(message)
            except Exception as error:  # noqa: BLE001 - it goes to whoever asks
                self._keep(error)
                return
            self._keep(message)
            if is_last or message.get("more_body"):
                await self._wants_more.wait()

    def _keep(self, message: Message | Exception) -> None:
        self._wants_more.clear()
        self._held.append(message)
        self._has_some.set()

    def _note(self, message: Message) -> None:
        if message["type"] == "http.disconnect":
            self._end = message
            self._work.gone()
        elif not message.get("more_body"):
            self._has_whole_body = True
