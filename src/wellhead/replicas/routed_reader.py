"""A reader that reads from a replica, and from the primary once that cannot serve it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead.connecting.reading import Readers
from wellhead.errors import Fault
from wellhead.replicas.replica import Replica
from wellhead.replicas.routed_queries import RoutedRunner
from wellhead.replicas.router import Router
from wellhead.sessions.reader import Reader

R = TypeVar("R")


class RoutedReader(Reader):
    """A :class:`wellhead.Reader` whose statements go to one replica, or to the primary.

    The replica is chosen at the first statement. If it cannot serve one of them, that statement and
    all later ones go to the primary. A reader with its own settings, or whose sessions have a hook
    for the beginning of transactions, reads from the primary.

    Args:
        router: Chooses the replica.
        primary: The sessions of readers on the primary.
        runner: Runs compiled queries.
        on_repeat: Called with the fault when a statement is sent again.
        deadline: Seconds within which it may be; see :class:`wellhead.Reader`.
    """

    def __init__(
        self,
        router: Router,
        primary: Readers,
        runner: RoutedRunner,
        *,
        on_repeat: Callable[[Fault], None] | None = None,
        deadline: float = 0.0,
    ) -> None:
        super().__init__(*primary.openers, runner, on_repeat=on_repeat, deadline=deadline)
        self._router = router
        self._primary = primary
        self._queries = runner
        self._replica: Replica | None = None
        self._is_routed = self._is_closed = False
        self._routing = asyncio.Lock()

    async def close(self) -> None:
        """Return the connection once the tasks that are reading have finished."""
        self._is_routed = self._is_closed = True
        await super().close()
        if self._replica is not None:
            self._replica.release()
            self._replica = None

    async def _read(self, read: Callable[[AsyncSession], Awaitable[R]]) -> R:
        replica = await self._route()
        if replica is None:
            return await super()._read(read)
        with self._router.seen().reading():
            try:
                return await super()._read(read)
            except Exception as error:
                # A lost connection has led to the primary already.
                if self._replica is not replica or not replica.note_failure(error):
                    raise
                self._router.fall_back(error)
        await self._turn.acquire()
        try:
            await self._leave(replica)
        finally:
            self._turn.release()
        return await super()._read(read)

    async def _route(self) -> Replica | None:
        """Choose a server at the first statement; later, learn what the client has seen since."""
        if not self._is_routed:
            async with self._routing:
                if not self._is_routed:
                    if not (self._settings or self._queries.has_hooks):
                        self._read_from(await self._router.choose())
                    self._is_routed = True
        elif self._replica is not None and (
            self._replica.is_gone or not await self._router.settle(self._router.seen())
        ):
            self._router.count_fallback()
            await self._leave(self._replica)
        return self._replica

    def _read_from(self, replica: Replica | None) -> None:
        if self._is_closed:
            return
        if self._replica is not None:
            self._replica.release()
        if replica is not None:
            replica.hold()
        self._replica = replica
        openers = (self._primary if replica is None else replica.readers).openers
        self._open_session, self._open_transaction, self._open_lasting = openers

    async def _replace_session(self, fault: Fault) -> None:
        if self._replica is not None:
            if fault is Fault.CONNECTION_LOST:
                self._replica.leave_out("unavailable", str(fault))
            self._router.count_fallback()
            await self._leave(self._replica)
        await super()._replace_session(fault)

    async def _leave(self, replica: Replica) -> None:
        """Read from the primary from now on; what was read before stays usable."""
        if self._replica is not replica:
            return
        left = self._session, self._transaction
        self._session = self._transaction = None
        self._read_from(None)
        for session in left:
            if session is not None:
                await session.__aexit__(None, None, None)
