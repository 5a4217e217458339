"""A PostgreSQL that sleeps while unused, and wakes up when a client connects."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.staging.neon.messages import TERMINATE
from tests.staging.passwords import check_password_cheaply
from tests.staging.pgbouncer import Kind, PgBouncer
from wellhead.embedded import EmbeddedPostgres
from wellhead.testing.framing import Messages

_IDLE: Final = b"I"
# A hundred clients come at once, and each may have a connection.
_MAX_CONNECTIONS: Final = 150


@dataclass(frozen=True, slots=True)
class StoppedPostgres:
    """A stopped server without other users.

    Attributes:
        server: The server itself.
        url: Its database as its superuser, with the password; the port says nothing.
    """

    server: EmbeddedPostgres
    url: str = field(repr=False)


def prepare(directory: Path, fill: Callable[[str], object] | None = None) -> StoppedPostgres:
    """Make a server for a compute, and stop it.

    Args:
        directory: Where its data is to lie.
        fill: Called with the URL while it runs, for what is to be in it.
    """
    options = {"max_connections": str(_MAX_CONNECTIONS)}
    with EmbeddedPostgres(directory, durable=False, options=options) as server:
        url = server.url
        check_password_cheaply(url)
        if fill is not None:
            fill(url)
    return StoppedPostgres(server, url)


class Session:
    """A connection to the compute, as far as its sleep depends on it.

    Attributes:
        is_pooled: Whether it leads through the pooler.
        is_busy: Whether a transaction or a statement is under way.
        last_used: When it last was.
        cancel_key: What the server wants to see before it cancels this session's statement.
        heard_all: Set once the compute can say nothing more.
    """

    def __init__(self, *, is_pooled: bool, now: float) -> None:
        self.is_pooled = is_pooled
        self.is_busy = True
        self.last_used = now
        self.cancel_key = b""
        self.heard_all = asyncio.Event()
        self._messages = Messages()

    def note_client(self, data: bytes, now: float) -> None:
        """Take note of what the client sends; a goodbye is no use."""
        if data != TERMINATE:
            self.is_busy, self.last_used = True, now

    def note_server(self, data: bytes, now: float) -> None:
        """Take note of what the server sends."""
        for kind, body in self._messages.read(data):
            if kind == b"Z":
                self.is_busy, self.last_used = body != _IDLE, now
            elif kind == b"K":
                self.cancel_key = body


class Compute:
    """A server with a pooler next to it, both of which sleep and wake together.

    Asleep means stopped: connections to the server end with 57P01, as its fast shutdown has it,
    and those to the pooler without a word. Idle connections do not keep it awake, transactions do.

    Args:
        server: The server; its data stays.
        directory: Where the pooler's files are to lie.
        start_delay: Seconds before the server is even started.
        suspend_after: Seconds without a statement or a transaction after which it sleeps; None
            for never.
        pooler: Which PgBouncer is next to the server; None for none.

    Attributes:
        starts: How often it was started.
        suspends: How often it fell asleep.
        start_seconds: How long the last start took, the delay included.
    """

    def __init__(
        self,
        server: StoppedPostgres,
        directory: Path,
        *,
        start_delay: float,
        suspend_after: float | None,
        pooler: Kind | None,
    ) -> None:
        self.start_delay = start_delay
        self.suspend_after = suspend_after
        self.starts = 0
        self.suspends = 0
        self.start_seconds = 0.0
        self._server = server.server
        self._directory = directory
        self._kind = pooler
        self._pooler: PgBouncer | None = None
        self._is_awake = False
        self._changing = asyncio.Lock()
        self._asleep = asyncio.Event()
        self._asleep.set()
        self._sessions: set[Session] = set()
        self._last_used = 0.0
        self._watch: asyncio.Task[None] | None = None
        self._waking: asyncio.Task[None] | None = None

    @property
    def is_awake(self) -> bool:
        """Whether it runs."""
        return self._is_awake

    async def wait_until_asleep(self) -> None:
        """Return once it sleeps."""
        await self._asleep.wait()

    async def wake(self) -> None:
        """Start it where it sleeps; concurrent callers wait for the same start."""
        if self._waking is None or self._waking.done():
            self._waking = asyncio.create_task(self._start_where_asleep())
        # A caller may be cancelled, and the others still wait.
        await asyncio.shield(self._waking)

    async def suspend(self) -> None:
        """Send it to sleep, even with clients connected."""
        watch, self._watch = self._watch, None
        if watch is not None and watch is not asyncio.current_task():
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
        async with self._changing:
            if self._is_awake:
                await self._stop()

    @asynccontextmanager
    async def session(self, *, is_pooled: bool) -> AsyncIterator[Session]:
        """Wake it, and keep book of one connection; `port` says where that leads."""
        await self.wake()
        session = Session(is_pooled=is_pooled, now=_now())
        self._sessions.add(session)
        try:
            yield session
        finally:
            session.heard_all.set()
            self._sessions.discard(session)
            self._last_used = max(self._last_used, session.last_used)

    def port(self, session: Session) -> int:
        """Where a session leads; only while it is awake."""
        if session.is_pooled:
            assert self._pooler is not None, "this compute has no pooler"
            return self._pooler.port
        return self._server.port

    def session_of(self, cancel_key: bytes) -> Session | None:
        """Whose statement a client wants to cancel."""
        return next((it for it in self._sessions if it.cancel_key == cancel_key), None)

    async def _start_where_asleep(self) -> None:
        async with self._changing:
            if not self._is_awake:
                await self._start()

    async def _start(self) -> None:
        began = _now()
        await asyncio.sleep(self.start_delay)
        await asyncio.to_thread(self._server.start)
        if self._kind is not None:
            self._pooler = PgBouncer(self._kind, self._server.url, self._directory)
            await asyncio.to_thread(self._pooler.__enter__)
        self._is_awake = True
        self._asleep.clear()
        self.starts += 1
        self._last_used = _now()
        self.start_seconds = self._last_used - began
        if self.suspend_after is not None:
            self._watch = asyncio.create_task(self._suspend_when_idle(self.suspend_after))

    async def _stop(self) -> None:
        self._is_awake = False
        pooler, self._pooler = self._pooler, None
        if pooler is not None:
            await asyncio.to_thread(pooler.__exit__, None, None, None)
        await asyncio.to_thread(self._server.stop)
        # Its last words are still on their way.
        for session in [*self._sessions]:
            await session.heard_all.wait()
        self.suspends += 1
        self._asleep.set()

    async def _suspend_when_idle(self, after: float) -> None:
        while (pause := self._idle_since() + after - _now()) > 0:  # noqa: ASYNC110 - time passes
            await asyncio.sleep(pause)
        await self.suspend()

    def _idle_since(self) -> float:
        if any(session.is_busy for session in self._sessions):
            return _now()
        return max([self._last_used, *(session.last_used for session in self._sessions)])


def _now() -> float:
    return asyncio.get_running_loop().time()
