"""Faults between the application and its database."""

import asyncio
from abc import abstractmethod

from bench.faults.clients import MARK
from bench.faults.fault import Fault
from bench.faults.stage import Setting, Stage, Way

_PASSES = (False, True) * 8
_SECONDS = 120.0


class _Trapped(Fault):
    """Connections break when a client says certain words."""

    hold = (0.0, 0.0)

    @abstractmethod
    def words(self, way: Way) -> bytes:
        """The words of this application."""

    async def inject(self, stage: Stage) -> None:
        broken = [
            way.proxy.break_at(self.words(way), passes=passes)
            for way in stage.ways
            for passes in stage.rng.sample(_PASSES, len(_PASSES))
        ]
        async with asyncio.timeout(_SECONDS):
            for event in broken:
                await event.wait()
                self.happened += 1


class ResetInQuery(_Trapped):
    """The connection is reset while the statement that writes is on its way, or its answer."""

    name = "Connection reset in a query"

    def words(self, way: Way) -> bytes:
        """The beginning of a title."""
        del way
        return MARK.encode()


class ResetInCommit(_Trapped):
    """The connection is reset while the COMMIT is on its way, or its answer."""

    name = "Connection reset in the COMMIT"

    def words(self, way: Way) -> bytes:
        """What commits the writing of a task."""
        return way.app.kind.commit


class Stalled(Fault):
    """Nothing passes for five seconds; then everything arrives that has gathered."""

    name = "5 s stall"
    hold = (5.0, 5.0)

    async def inject(self, stage: Stage) -> None:
        for way in stage.ways:
            way.proxy.stall()
            self.happened += way.proxy.open_connections

    async def heal(self, stage: Stage) -> None:
        for way in stage.ways:
            way.proxy.resume()


class Swallowed(Fault):
    """Packets are lost in silence: no connection is closed, no answer comes, ever."""

    name = "Packets dropped in silence"
    hold = (5.0, 6.0)

    async def inject(self, stage: Stage) -> None:
        for way in stage.ways:
            way.proxy.swallow()
            self.happened += way.proxy.open_connections

    async def heal(self, stage: Stage) -> None:
        for way in stage.ways:
            way.proxy.deliver()


class NameForgotten(Fault):
    """The database's name does not resolve any more, and the connections in place break."""

    name = "The name stops resolving"
    setting = Setting.NAMED
    hold = (1.0, 2.0)

    async def inject(self, stage: Stage) -> None:
        assert stage.names is not None
        stage.names.forget()
        for way in stage.ways:
            self.happened += way.proxy.open_connections
            await way.proxy.cut()

    async def heal(self, stage: Stage) -> None:
        assert stage.names is not None
        stage.names.remember()
