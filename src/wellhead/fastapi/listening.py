"""What a client sends while its request is served: the rest of its body, or a disconnect.

ASGI reports a disconnect only to a caller that asks for the next message, and a route at work does
not ask.
"""

import asyncio
from collections import deque
from contextvars import Context, copy_context
from typing import Protocol

from starlette.types import Message, Receive, Scope

LISTEN_AFTER = 0.25
"""Seconds before a request is listened to; most have finished by then, and need no task for it."""


class ListenTimer:
    """Starts listeners on time, with one timer of the event loop for all of them.

    asyncio keeps a cancelled timer until it is due, and compares every new timer with it: a timer
    per request takes longer than everything else that a deadline does.

    Attributes:
        loop: The event loop it belongs to.
    """

    __slots__ = ("_is_set", "_waiting", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waiting: dict[Listener, float] = {}
        self._is_set = False

    def start(self, listener: "Listener") -> float:
        """Start a listener when its time has come; returns the loop's time of that."""
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
        # They were added in order of time.
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
        """Called when the work takes so long that listening begins without being asked."""

    def gone(self) -> None:
        """Called when the client has disconnected."""


class Listener:
    """Passes messages on, and detects a client disconnect while the application is not receiving.

    It reads one piece of a body ahead, so if an application leaves a long body unread, a disconnect
    goes unnoticed. If a client sends its body only on request (``Expect``), nothing is read before
    the application asks.

    Args:
        scope: The request's ASGI scope.
        receive: The server's ``receive``.
        timer: The timer of the running loop.
        work: Notified about the client.

    Attributes:
        begins_at: The event loop's time of the start; None while the client holds its body back.
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
        # A server may rely on its own context when it is asked for a message.
        self._context = copy_context()
        self._listening: asyncio.Task[None] | None = None
        self._asking = 0
        self._is_due = self._has_whole_body = False
        self._end: Message | None = None
        self.begins_at: float | None = None
        # ASGI's header names are lower case, and this one may occur only once.
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
            # If a disconnect cancels the task that asks, it must do so here.
            await asyncio.sleep(0)
        return message

    def stop(self) -> None:
        """Stop listening."""
        self._timer.stop(self)
        self._is_due = False
        if self._listening is not None:
            self._listening.cancel()
            # A reference cycle would wait for the collector.
            self._listening = None

    def begin(self) -> None:
        """Listen while no task is receiving; a task that is receiving makes this unnecessary."""
        self._work.watch()
        self._is_due = True
        self._listen()

    def _listen(self) -> None:
        if self._listening is None and self._end is None and not self._asking:
            self._held: deque[Message | Exception] = deque()
            self._has_some, self._wants_more = asyncio.Event(), asyncio.Event()
            self._listening = self._timer.loop.create_task(self._hold(), context=self._context)

    async def _heard(self) -> Message:
        # Starlette asks and gives up at once: a message that comes then is kept for the next call.
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
            # After a body, only a disconnect may come. A server that sends something else is not
            # asked again and again for it.
            is_last = self._has_whole_body
            try:
                message = await self._receive()
                self._note(message)
            except Exception as error:  # noqa: BLE001 - it goes to the next receive()
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
